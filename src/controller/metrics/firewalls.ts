import { Gauge, type Registry } from 'prom-client';
import type { StatusProblem } from '../../api/status.ts';
import { isInPlace, type Verdict, isCounted } from '../apply/verdicts.ts';
import { isReported, type Finding } from '../report/status.ts';

/** Counts objects, problems and nodes by firewall. */
export class FirewallMetrics {
  readonly #objects: Gauge<'firewall' | 'kind' | 'state'>;
  readonly #problems: Gauge<'firewall' | 'reason' | 'severity'>;
  readonly #nodes: Gauge<'firewall' | 'state'>;
  readonly #foreign: Gauge<'firewall' | 'state'>;
  readonly #findings = new Map<string, Finding>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#objects = new Gauge({
      name: 'clusterfirewall_objects',
      help: 'Generated objects that there should be (desired), and those of them that are stored as they should be (current).',
      labelNames: ['firewall', 'kind', 'state'] as const,
      registers,
    });
    this.#nodes = new Gauge({
      name: 'clusterfirewall_nodes',
      help: 'Nodes that spec.nodes selects (selected), and those that drop traffic unless something allows it (enforced), and those without host endpoints of Calico (unsupported).',
      labelNames: ['firewall', 'state'] as const,
      registers,
      collect: () => {
        this.#countNodes();
      },
    });
    this.#foreign = new Gauge({
      name: 'clusterfirewall_foreign_objects',
      help: 'Objects of others that may open what is closed: those that spec.acceptForeign names (accepted), and those that it does not (open).',
      labelNames: ['firewall', 'state'] as const,
      registers,
      collect: () => {
        this.#countForeign();
      },
    });
    this.#problems = new Gauge({
      name: 'clusterfirewall_problems',
      help: 'Problems and warnings by reason: all of those in status.problems, without its limit, and problems that affect the whole firewall.',
      labelNames: ['firewall', 'reason', 'severity'] as const,
      registers,
      collect: () => {
        this.#countProblems();
      },
    });
  }

  /** Takes over the verdicts of a round. */
  objects(verdicts: readonly Verdict[]): void {
    const counts = new Map<string, { readonly labels: ObjectLabels; desired: number; current: number }>();
    for (const verdict of verdicts) {
      if (!isCounted(verdict)) continue;
      const { firewall, object } = verdict.desired;
      const id = `${firewall}/${object.kind}`;
      const count = counts.get(id) ?? { labels: { firewall, kind: object.kind }, desired: 0, current: 0 };
      count.desired += 1;
      if (isInPlace(verdict)) count.current += 1;
      counts.set(id, count);
    }
    this.#objects.reset();
    for (const { labels, desired, current } of counts.values()) {
      this.#objects.set({ ...labels, state: 'desired' }, desired);
      this.#objects.set({ ...labels, state: 'current' }, current);
    }
  }

  found(firewall: string, finding: Finding): void {
    this.#findings.set(firewall, finding);
  }

  /** Forgets firewalls that do not exist any more. */
  retain(firewalls: readonly { readonly name: string }[]): void {
    const names = new Set(firewalls.map(({ name }) => name));
    for (const name of this.#findings.keys()) if (!names.has(name)) this.#findings.delete(name);
  }

  reset(): void {
    this.#objects.reset();
    this.#findings.clear();
  }

  #countNodes(): void {
    this.#nodes.reset();
    for (const [firewall, finding] of this.#findings) {
      if (finding.type !== 'compiled' || finding.nodes === undefined) continue;
      this.#nodes.set({ firewall, state: 'selected' }, finding.nodes.selected);
      this.#nodes.set({ firewall, state: 'unsupported' }, finding.nodes.unsupported);
      this.#nodes.set({ firewall, state: 'enforced' }, finding.nodes.enforced);
    }
  }

  #countForeign(): void {
    this.#foreign.reset();
    for (const [firewall, finding] of this.#findings) {
      if (finding.type !== 'compiled' || finding.foreign === undefined) continue;
      const { open, accepted } = finding.foreign.objects.count;
      this.#foreign.set({ firewall, state: 'open' }, open);
      this.#foreign.set({ firewall, state: 'accepted' }, accepted);
    }
  }

  #countProblems(): void {
    this.#problems.reset();
    for (const [firewall, finding] of this.#findings) {
      for (const { reason, severity } of problemsOf(finding))
        this.#problems.inc({ firewall, reason, severity });
    }
  }
}

interface ObjectLabels {
  readonly firewall: string;
  readonly kind: string;
}

/** Reasons are the compiler's and ours: a fixed set. */
function problemsOf(finding: Finding): readonly Pick<StatusProblem, 'reason' | 'severity'>[] {
  const problem = (reason: string) => ({ reason, severity: 'problem' as const });
  switch (finding.type) {
    case 'invalid':
      return finding.issues.map(() => problem('Invalid'));
    case 'blocked':
      return [problem(finding.reason)];
    case 'compiled': {
      const { problems, programming } = finding;
      return programming.programmed || isReported(programming, problems)
        ? problems
        : [...problems, problem(programming.reason)];
    }
  }
}
