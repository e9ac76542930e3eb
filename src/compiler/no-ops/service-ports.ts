/** Ports of Services in rules. Policies see the port of the pod. */
import type { PortValue } from '../../api/schema.ts';
import { fromLabelSelector, matchesSelector } from '../../calico/selector.ts';
import type { PodInfo } from '../../inventory/pods.ts';
import type { ServiceInfo } from '../../inventory/types.ts';
import { parsePort } from '../../net/ports.ts';

export interface Misplaced {
  /** Position in the rule's ports. */
  readonly index: number;
  readonly message: string;
}

/** Ports that a Service in front of the pods has, and that neither it nor a container leads to. */
export function portsOfServices(
  values: readonly PortValue[],
  pods: readonly PodInfo[],
  services: readonly ServiceInfo[],
): readonly Misplaced[] {
  if (pods.length === 0) return [];
  const before = services.filter(({ namespace, selector }) => {
    if (selector === undefined || Object.keys(selector).length === 0) return false;
    const labels = fromLabelSelector({ matchLabels: selector });
    return pods.some((pod) => pod.namespace === namespace && matchesSelector(labels, pod.labels));
  });
  const ports = before.flatMap((service) => service.ports.map((port) => ({ ...port, service })));
  return values.flatMap((value, index): readonly Misplaced[] => {
    const port = parsePort(value);
    if (port.kind !== 'range' || port.from !== port.to) return [];
    const of = ports.filter(({ protocol }) => protocol === port.protocol);
    const isPods =
      pods.some(({ portNumbers }) => portNumbers.includes(port.from)) ||
      of.some(({ targetPort }) => targetPort === port.from);
    const found = of.find((each) => each.port === port.from);
    if (isPods || found === undefined) return [];
    const { service, targetPort } = found;
    return [
      {
        index,
        message: `${String(port.from)} is the port of Service ${service.namespace}/${service.name}, which leads to port ${String(targetPort)} of these pods, and policies see the port of the pod: write ${String(targetPort)}`,
      },
    ];
  });
}
