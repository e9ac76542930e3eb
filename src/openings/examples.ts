/** Tries whether flows are open from end to end, because a policy at one end is not all that counts. */
import type { Assertion } from '../api/schema.ts';
import { evaluate } from '../assertions/evaluate.ts';
import type { Asserted, Judged, KnownServices } from '../assertions/types.ts';
import { LABEL_SERVICE_ACCOUNT } from '../calico/labels.ts';
import { hasPorts } from '../calico/read/protocols.ts';
import { portText } from '../questions/packet-text.ts';
import type { World } from '../simulator/world.ts';
import type { FlowEnd, OpenedFlow } from './types.ts';

interface Given {
  readonly firewall: World;
  readonly inForce: World;
  readonly services: KnownServices;
}

/**
 * The first flow that the firewall alone refuses from end to end, and that is open with everything in force.
 * @param flows by the object that may open them
 * @returns flows as text: `203.0.113.1 to shop/[app=db], 5432/TCP`
 */
export function openExamples(
  flows: ReadonlyMap<string, readonly OpenedFlow[]>,
  { firewall, inForce, services }: Given,
): ReadonlyMap<string, string> {
  const asserted = [...flows].flatMap(([object, of]) =>
    of.filter(isSayable).map((flow) => assertionOf(object, flow)),
  );
  const ask = (world: World, about: readonly Asserted[]): readonly Judged[] =>
    evaluate({ world, services, firewalls: [], objects: [] }, about);
  const refused = ask(firewall, asserted).filter(({ judgement }) => judgement.is === 'Holds');
  const found = new Map<string, string>();
  for (const { firewall: object, judgement } of ask(inForce, refused))
    if (judgement.is === 'Fails' && !found.has(object)) found.set(object, judgement.flow);
  return found;
}

/** A label with such a value is no label of any pod. */
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

const isSayable = ({ from, to, protocol }: OpenedFlow): boolean =>
  hasPorts(protocol) &&
  [from, to].every(({ pod }) => Object.values(pod?.labels ?? {}).every((value) => VALUE.test(value)));

function assertionOf(object: string, flow: OpenedFlow): Asserted {
  const assertion: Assertion = {
    name: 'flow',
    from: endOf(flow.from),
    to: endOf(flow.to),
    ports: [portText(flow)],
    expect: 'Denied',
  };
  return { firewall: object, path: '', assertion };
}

function endOf({ address, pod }: FlowEnd): Assertion['from'] {
  if (pod === undefined) return { address };
  const { [LABEL_SERVICE_ACCOUNT]: serviceAccount, ...labels } = pod.labels;
  return {
    pod: { namespace: pod.namespace, labels, ...(serviceAccount !== undefined && { serviceAccount }) },
  };
}
