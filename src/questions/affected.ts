/** The parties that a change of policies can be about. Most changes touch few of a cluster's. */
import type { StoredPolicy } from '../calico/read/policy.ts';
import type { Party } from '../simulator/parties.ts';
import type { Prepared } from '../simulator/prepared.ts';
import type { World } from '../simulator/world.ts';

/**
 * Undefined where anything may have changed. Otherwise only policies differ, and none of those that do selects a
 * host endpoint: flows between two parties for which this is false are as they were.
 */
export function affectedParties(old: Prepared, now: Prepared): ((party: Party) => boolean) | undefined {
  if (textOf({ ...old.world, policies: [] }) !== textOf({ ...now.world, policies: [] })) return undefined;
  const [before, after] = [textsOf(old.world), textsOf(now.world)];
  const differs = (policies: ReadonlyMap<StoredPolicy, string>, texts: ReadonlySet<string>) =>
    [...policies].flatMap(([policy, text]) => (texts.has(text) ? [] : [policy]));
  const changed = [
    ...differs(before, new Set(after.values())),
    ...differs(after, new Set(before.values())),
  ].filter(({ staged }) => staged === undefined);
  const selects = ({ selector }: StoredPolicy, view: Parameters<Prepared['labels']['matches']>[1]): boolean =>
    now.labels.matches(now.labels.numberOf(selector), view);
  const hosts = now.world.hostEndpoints.map((endpoint) => now.labels.hostView(endpoint));
  if (changed.some((policy) => hasIcmpCode(policy) || hosts.some((view) => selects(policy, view))))
    return undefined;
  const leadToPods =
    now.world.services.some(({ ports }) => ports.some(({ nodePort }) => nodePort !== undefined)) ||
    now.world.pods.some(({ hostPorts }) => hostPorts.length > 0);
  return (party) => {
    // A port of a node may lead to any pod.
    if (party.kind === 'nodes') return leadToPods && changed.length > 0;
    if (party.kind === 'outside') return false;
    const pod = now.pod(party.names[0]);
    return pod !== undefined && changed.some((policy) => selects(policy, now.labels.podView(pod)));
  };
}

/** With one, Felix programs no policy at all in nftables mode (Prepared). */
const hasIcmpCode = ({ ingress, egress }: StoredPolicy): boolean =>
  [...ingress, ...egress].some(({ icmp, notIcmp }) => (icmp?.code ?? notIcmp?.code) !== undefined);

const textsOf = ({ policies }: World): ReadonlyMap<StoredPolicy, string> =>
  new Map(policies.map((policy) => [policy, textOf(policy)]));

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint' ? String(each) : each === Infinity ? 'none' : each,
  );
