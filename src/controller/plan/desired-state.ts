/** From the firewalls that exist to the objects that there should be. Pure. */
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { Compilation, Compile, DesiredObject, Inventory } from '../../compiler/types.ts';
import type { StoredFirewall } from '../observe/firewalls.ts';
import type { LiveObject } from '../objects/live.ts';

/** What is to be done with a firewall. */
export type Standing =
  /** Compiled. */
  | 'active'
  /** Its spec was refused: everything of it stays as it was. */
  | 'invalid'
  /** Its spec is fine, but the firewall called default is invalid: nothing changes for anybody. */
  | 'frozen'
  /** Being deleted, and its objects with it. */
  | 'leaving'
  /** Being deleted while its objects stay. */
  | 'retained';

export interface Intent {
  readonly standings: ReadonlyMap<string, Standing>;
  readonly desired: readonly DesiredObject[];
  /** As PlanInput.held. */
  readonly held: readonly string[];
  /** As PlanInput.firewalls: those whose objects may be removed. */
  readonly owners: ReadonlySet<string>;
  readonly problems: Compilation['problems'];
  readonly summaries: Compilation['summaries'];
  readonly nodes: Compilation['nodes'];
  /** Nodes that are to carry the gate label; undefined while gates stay as they are. */
  readonly gated: ReadonlySet<string> | undefined;
}

const NOTHING: Compilation = { objects: [], problems: [], held: [], summaries: [] };

export interface IntentInput {
  readonly firewalls: readonly StoredFirewall[];
  readonly inventory: Inventory;
  readonly live: Iterable<LiveObject>;
  readonly compile: Compile;
}

export function intend({ firewalls, inventory, live, compile }: IntentInput): Intent {
  const standings = standingsOf(firewalls);
  const named = (...wanted: readonly Standing[]): readonly string[] =>
    [...standings].filter(([, standing]) => wanted.includes(standing)).map(([name]) => name);
  const active = firewalls.flatMap(({ name, validation }) =>
    standings.get(name) === 'active' && validation.ok ? [validation.firewall] : [],
  );
  const frozen = named('frozen').length > 0 || standings.get(DEFAULT_FIREWALL) === 'invalid';
  const compilation = frozen ? NOTHING : compile(active, inventory);
  const kept = [
    ...named('invalid', 'frozen'),
    // A retained default deny goes on closing: without the allows of the others it would close more than it did.
    ...(isDefaultRetained(standings, live) ? named('active') : []),
  ];
  return {
    standings,
    desired: compilation.objects,
    held: [...compilation.held, ...kept.map((name) => `${name}/`)],
    owners: new Set(named('active', 'invalid', 'frozen', 'leaving')),
    problems: compilation.problems,
    summaries: compilation.summaries,
    nodes: compilation.nodes,
    gated: gatedBy(standings.get(DEFAULT_FIREWALL), compilation),
  };
}

function gatedBy(standing: Standing | undefined, { gated }: Compilation): ReadonlySet<string> | undefined {
  if (standing === 'leaving') return new Set();
  return standing === 'active' && gated !== undefined ? new Set(gated) : undefined;
}

function standingsOf(firewalls: readonly StoredFirewall[]): ReadonlyMap<string, Standing> {
  const main = firewalls.find(({ name }) => name === DEFAULT_FIREWALL);
  const isFrozen = main !== undefined && !main.deleting && !main.validation.ok;
  return new Map(
    firewalls.map((firewall): [string, Standing] => {
      const { name, deleting, deletionPolicy, validation } = firewall;
      if (deleting) return [name, deletionPolicy === 'Retain' ? 'retained' : 'leaving'];
      if (!validation.ok) return [name, 'invalid'];
      return [name, isFrozen ? 'frozen' : 'active'];
    }),
  );
}

function isDefaultRetained(standings: ReadonlyMap<string, Standing>, live: Iterable<LiveObject>): boolean {
  const standing = standings.get(DEFAULT_FIREWALL);
  if (standing !== undefined && standing !== 'retained') return false;
  return [...live].some((object) => object.ours && object.firewall === DEFAULT_FIREWALL);
}
