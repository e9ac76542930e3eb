/** From the firewalls that exist to the objects that there should be. Pure. */
import { DEFAULT_FIREWALL } from '../../api/schema.ts';
import { UNKNOWN, type Known } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { ruleId } from '../../compiler/names.ts';
import type { Compilation, Compile, DesiredObject, Frozen } from '../../compiler/types.ts';
import type { StoredFirewall } from '../observe/firewalls.ts';
import { AddressError, distinctCidrs, formatCidr, parseCidr, type Cidr } from '../../net/cidr.ts';
import { objectId } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';

/** The next thing to do with a firewall. */
export type Lifecycle =
  /** Compiled. */
  | 'active'
  /** Its spec was refused: everything of it stays as it was. */
  | 'invalid'
  /** Its spec would break an assertion, and nothing is known that was let in before: it stays as it was. */
  | 'withheld'
  /** Its spec is fine, but the firewall called default is invalid or withheld: nothing changes for anybody. */
  | 'frozen'
  /** Being deleted, and its objects with it. */
  | 'leaving'
  /** Being deleted while its objects stay. */
  | 'retained';

export interface DesiredState {
  readonly lifecycles: ReadonlyMap<string, Lifecycle>;
  readonly desired: readonly DesiredObject[];
  /** See PlanInput.frozen. */
  readonly frozen: readonly Frozen[];
  /** Firewalls whose objects may be removed: see PlanInput.firewalls. */
  readonly owners: ReadonlySet<string>;
  readonly problems: Compilation['problems'];
  readonly summaries: Compilation['summaries'];
  readonly nodes: Compilation['nodes'];
  readonly foreign: Compilation['foreign'];
  readonly reach: Compilation['reach'];
  /** Nodes that must carry the enforcement label. While they are unknown, labels stay unchanged. */
  readonly labelledNodes: Known<ReadonlySet<string>>;
}

const NOTHING: Compilation = { objects: [], problems: [], frozen: [], summaries: [], labelledNodes: UNKNOWN };

export interface DesiredStateInput {
  readonly firewalls: readonly StoredFirewall[];
  readonly inventory: Inventory;
  readonly live: Iterable<LiveObject>;
  readonly compile: Compile;
  /** Names of firewalls whose specs are held back, and of which no other spec is known. */
  readonly withheld?: ReadonlySet<string>;
}

export function desiredState({
  firewalls,
  inventory,
  live,
  compile,
  withheld = new Set(),
}: DesiredStateInput): DesiredState {
  const lifecycles = lifecyclesOf(firewalls, withheld);
  const named = (...wanted: readonly Lifecycle[]): readonly string[] =>
    [...lifecycles].filter(([, lifecycle]) => wanted.includes(lifecycle)).map(([name]) => name);
  const active = firewalls.flatMap(({ name, validation }) =>
    lifecycles.get(name) === 'active' && validation.ok ? [validation.firewall] : [],
  );
  const isDefaultInvalid = named('invalid', 'withheld').includes(DEFAULT_FIREWALL);
  const compilation = isDefaultInvalid ? NOTHING : compile(active, inventory);
  const kept = [
    ...named('invalid', 'withheld', 'frozen'),
    // A retained default deny goes on closing: without the allows of the others it would close more than it
    // did.
    ...(isDefaultRetained(lifecycles, live) ? named('active') : []),
  ];
  return {
    lifecycles,
    desired: keepingAddresses(compilation.objects, live),
    frozen: [...compilation.frozen, ...kept.map((name) => ({ prefix: ruleId(name) }))],
    owners: new Set(named('active', 'invalid', 'withheld', 'frozen', 'leaving')),
    problems: compilation.problems,
    summaries: compilation.summaries,
    nodes: compilation.nodes,
    foreign: compilation.foreign,
    reach: compilation.reach,
    labelledNodes: labelledNodesOf(lifecycles.get(DEFAULT_FIREWALL), compilation),
  };
}

function labelledNodesOf(
  lifecycle: Lifecycle | undefined,
  { labelledNodes }: Compilation,
): Known<ReadonlySet<string>> {
  if (lifecycle === 'leaving') return new Set();
  return lifecycle === 'active' && labelledNodes !== UNKNOWN ? new Set(labelledNodes) : UNKNOWN;
}

function lifecyclesOf(
  firewalls: readonly StoredFirewall[],
  withheld: ReadonlySet<string>,
): ReadonlyMap<string, Lifecycle> {
  const main = firewalls.find(({ name }) => name === DEFAULT_FIREWALL);
  const isFrozen =
    main !== undefined && !main.deleting && (!main.validation.ok || withheld.has(DEFAULT_FIREWALL));
  return new Map(
    firewalls.map((firewall): [string, Lifecycle] => {
      const { name, deleting, deletionPolicy, validation } = firewall;
      if (deleting) return [name, deletionPolicy === 'Retain' ? 'retained' : 'leaving'];
      if (!validation.ok) return [name, 'invalid'];
      if (withheld.has(name)) return [name, 'withheld'];
      return [name, isFrozen ? 'frozen' : 'active'];
    }),
  );
}

function isDefaultRetained(lifecycles: ReadonlyMap<string, Lifecycle>, live: Iterable<LiveObject>): boolean {
  const lifecycle = lifecycles.get(DEFAULT_FIREWALL);
  if (lifecycle !== undefined && lifecycle !== 'retained') return false;
  return [...live].some((object) => object.ours && !object.isOpen && object.firewall === DEFAULT_FIREWALL);
}

/** Adds the addresses that have to stay to the sets that they are stored in. */
function keepingAddresses(
  desired: readonly DesiredObject[],
  live: Iterable<LiveObject>,
): readonly DesiredObject[] {
  if (!desired.some(({ keepsAddresses, keepsNets }) => keepsAddresses ?? keepsNets)) return desired;
  const stored = new Map([...live].map((each) => [each.id, each]));
  return desired.map((each) => {
    const { object, keepsAddresses, keepsNets } = each;
    if ((keepsAddresses ?? keepsNets) !== true || object.kind !== 'GlobalNetworkSet') return each;
    const set = stored.get(objectId(object.kind, object.metadata));
    const kept = (set?.ours === true ? (set.nets ?? []) : [])
      .flatMap(parsed)
      .filter((net) => keepsNets === true || isAddress(net));
    const nets = distinctCidrs([...object.spec.nets.map(parseCidr), ...kept]).map(formatCidr);
    return { ...each, object: { ...object, spec: { nets } } };
  });
}

/** A stored set of an allow may be anybody's work, and a network lets more in. */
const isAddress = ({ family, prefix }: Cidr): boolean => prefix === (family === 4 ? 32 : 128);

/** Nothing for a text that is no network. */
function parsed(text: string): readonly Cidr[] {
  try {
    return [parseCidr(text)];
  } catch (error) {
    if (error instanceof AddressError) return [];
    throw error;
  }
}
