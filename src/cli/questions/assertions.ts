/** Evaluates the assertions of manifests. */
import { evaluate } from '../../assertions/evaluate.ts';
import { assertedBy, inForce, withExamples } from '../../assertions/in-force.ts';
import type { Judged } from '../../assertions/types.ts';
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import { compile } from '../../compiler/compile.ts';
import { ruleId } from '../../compiler/names.ts';
import { enforced, isOfOthers, storedWorld } from '../../questions/world.ts';
import type { CompiledFor } from '../manifests/compiled.ts';
import type { Diagnostic } from '../manifests/diagnostics.ts';
import type { Firewalls } from '../manifests/firewalls.ts';
import { unfold } from '../manifests/load.ts';
import { printable } from '../printable.ts';
import { storedFirewalls } from './load.ts';

/**
 * One diagnostic for each assertion that does not hold: those of the manifests, and those of the stored
 * ClusterFirewall called default, if no manifest replaces it. Everything counts as enforced.
 */
export function judgeManifests(
  { firewalls: given, locate }: Pick<Firewalls, 'firewalls' | 'locate'>,
  { inventory, documents, lacks }: CompiledFor,
): readonly Diagnostic[] {
  const objects = documents.flatMap(unfold);
  const names = new Set(given.map(({ metadata }) => metadata.name));
  const stored = storedFirewalls(objects).filter(({ metadata }) => !names.has(metadata.name));
  const main = stored.filter(({ metadata }) => metadata.name === DEFAULT_FIREWALL);
  const asserted = assertedBy([...given, ...main]);
  if (asserted.length === 0) return [];
  const firewalls = [...given, ...stored].map(enforced);
  const compilation = compile(firewalls, withExamples(inventory, asserted));
  const others = storedWorld(
    objects.map(({ value }) => value).filter(isOfOthers),
    lacks.map(({ kind }) => kind),
  );
  const judged = evaluate(
    {
      world: inForce(others, [], compilation),
      services: { named: inventory.services },
      firewalls,
      objects: compilation.objects.map(({ object }) => object),
    },
    asserted,
  );
  return judged.flatMap((each) => diagnosticOf(each, locate));
}

function diagnosticOf(
  { firewall, path, assertion: { name, expect }, judgement }: Judged,
  locate: Firewalls['locate'],
): readonly Diagnostic[] {
  if (judgement.is === 'Holds') return [];
  const isProblem = judgement.is === 'Fails' || judgement.isUnsaid === true;
  const [reason, message] =
    judgement.is === 'Fails'
      ? [
          'AssertionFailed',
          `the assertion ${name} fails: ${judgement.flow} is ${judgement.verdict}, not ${expect}: ${judgement.because}`,
        ]
      : ['AssertionUnknown', `the assertion ${name} is Unknown: ${judgement.because}`];
  const place = {
    severity: 'warning',
    firewall,
    rule: ruleId(firewall),
    path,
    reason: 'NoEffect',
    message,
  } as const;
  const severity = isProblem ? 'problem' : 'warning';
  return [{ ...locate(place), severity, reason, message: printable(message) }];
}
