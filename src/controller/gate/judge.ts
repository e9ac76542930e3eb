/** Judges assertions by what the operator would write, together with what others have. Pure. */
import { evaluate } from '../../assertions/evaluate.ts';
import { inForce, withApiServer } from '../../assertions/in-force.ts';
import type { Asserted, Judged, Judgement, KnownServices } from '../../assertions/types.ts';
import type { ClusterFirewall } from '../../api/schema.ts';
import { ruleId } from '../../compiler/names.ts';
import type { Compilation, Compile, Frozen } from '../../compiler/types.ts';
import type { GeneratedKind } from '../../calico/types.ts';
import type { Inventory } from '../../inventory/types.ts';
import { containsCidr, parseAddress, parseCidr } from '../../net/cidr.ts';
import { enforced, storedWorld } from '../../questions/world.ts';
import { objectId } from '../objects/kinds.ts';
import type { LiveObject } from '../objects/live.ts';
import { carriesFrozen } from '../plan/plan.ts';
import type { Sight } from './sight.ts';

export interface JudgeInput {
  readonly sight: Sight;
  readonly inventory: Inventory;
  readonly live: readonly LiveObject[];
  readonly compile: Compile;
  /** Names of firewalls of which everything stays as it is stored. */
  readonly kept: readonly string[];
}

/** One judgement for each assertion, in their order. */
export type Judge = (
  firewalls: readonly ClusterFirewall[],
  asserted: readonly Asserted[],
) => readonly Judged[];

export function judgeOf({ sight, inventory, live, compile, kept }: JudgeInput): Judge {
  const isUnseen = (inventory.unseenTiers ?? []).length > 0;
  const lacks = [...sight.lacks, ...(isUnseen ? ['GlobalNetworkPolicy'] : [])];
  const others = storedWorld(sight.others, lacks);
  const services = servicesOf(inventory);
  const prefixes: readonly Frozen[] = kept.map((name) => ({ prefix: ruleId(name) }));
  const ask = (firewalls: readonly ClusterFirewall[], asserted: readonly Asserted[]): readonly Judged[] => {
    const compilation = compile(firewalls, inventory);
    const stored = storedThatStay(sight, live, [...prefixes, ...compilation.frozen], compilation);
    const world = withApiServer(inForce(others, stored, compilation), inventory.apiServerTargets ?? []);
    const objects = [...stored, ...compilation.objects.map(({ object }) => object)];
    return evaluate({ world, services, firewalls, objects }, asserted);
  };
  return (firewalls, asserted) => {
    const judged = ask(firewalls, asserted);
    const failed = judged.filter(({ judgement }) => judgement.is === 'Fails');
    if (failed.length === 0) return judged;
    const later = ask(firewalls.map(enforced), failed);
    const observed = new Set(failed.filter((_, index) => later[index]?.judgement.is === 'Holds'));
    return judged.map((each) => (observed.has(each) ? { ...each, judgement: OBSERVED } : each));
  };
}

const OBSERVED: Judgement = {
  is: 'Unknown',
  because: 'nothing is dropped under mode Observe; once enforced, it will hold',
};

/** Stored objects of the operator that stay as they are, whatever is compiled. */
export function storedThatStay(
  sight: Sight,
  live: readonly LiveObject[],
  frozen: readonly Frozen[],
  compilation: Compilation,
): Sight['own'] {
  const stays = staying(live, frozen, compilation);
  return sight.own.filter(({ kind, metadata }) => stays.has(objectId(kind as GeneratedKind, metadata)));
}

/** Stored objects that are not replaced by what is compiled: see Plan.frozen and Comparison. */
function staying(
  live: readonly LiveObject[],
  frozen: readonly Frozen[],
  { objects }: Compilation,
): ReadonlySet<string> {
  if (frozen.length === 0) return new Set();
  const desired = new Map(objects.map((each) => [objectId(each.object.kind, each.object.metadata), each]));
  const kept = live.filter((object) => {
    if (!object.ours || object.isOpen || !carriesFrozen(frozen, object)) return false;
    const wanted = desired.get(object.id);
    if (wanted === undefined || wanted.standIn === true) return true;
    const lost = object.rules.filter((rule) => !wanted.rules.includes(rule));
    return lost.length > 0 && carriesFrozen(frozen, { ...object, rules: lost });
  });
  return new Set(kept.map(({ id }) => id));
}

/** The operator reads Services, and keeps of most only their addresses. */
export function servicesOf(inventory: Inventory): KnownServices {
  const { services, clusterIPs = [], externalIPs = [], serviceCIDRs = [], unusualNodePorts = [] } = inventory;
  const addresses = new Set([...clusterIPs, ...externalIPs]);
  const ranges = serviceCIDRs.map(parseCidr);
  return {
    named: services,
    unseen: {
      isAddress: (address) =>
        addresses.has(address) || ranges.some((range) => containsCidr(range, parseAddress(address))),
      nodePorts: new Set(unusualNodePorts),
    },
  };
}
