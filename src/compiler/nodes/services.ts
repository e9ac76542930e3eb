/** Services of spec.nodes by name: the built-in ones, and those that the firewall adds or replaces. */
import type { ClusterFirewall, Nodes, PortValue } from '../../api/schema.ts';
import { didYouMean } from '../../api/suggest.ts';
import { isServiceName, SERVICES } from '../../net/services.ts';
import { ruleId } from '../names.ts';
import type { ClusterPorts } from './cluster-ports.ts';
import type { ProblemCollector } from '../problems.ts';
import { RuleProblem } from '../problems.ts';

/**
 * The ports of a service.
 * @throws RuleProblem for an unknown name
 */
export type Services = (name: string) => readonly PortValue[];

/** @param ports those of built-in services that the cluster tells: see clusterPorts */
export function servicesOf(
  { services = [] }: Pick<Nodes, 'services'>,
  ports: ClusterPorts['ports'] = {},
): Services {
  const own = new Map(
    services
      .filter(({ name, override }) => !isServiceName(name) || override === true)
      .map(({ name, ports: given }) => [name, given]),
  );
  return (name) => {
    const found = own.get(name) ?? (isServiceName(name) ? (ports[name] ?? SERVICES[name]) : undefined);
    if (found !== undefined) return found;
    const known = [...own.keys(), ...Object.keys(SERVICES)];
    throw new RuleProblem(
      'UnknownService',
      `"${name}" is no service: add it to nodes.services, or use one of ${known.join(', ')}${didYouMean(name, known)}`,
    );
  };
}

/**
 * A built-in name that is used by accident would change the ports that the baseline opens. A misspelt name
 * would change nothing.
 */
export function reportServices({ metadata, spec }: ClusterFirewall, collector: ProblemCollector): void {
  for (const [index, { name, override }] of (spec.nodes?.services ?? []).entries()) {
    const place = {
      firewall: metadata.name,
      id: ruleId(metadata.name, 'nodes', 'services', name),
      path: `spec.nodes.services[${String(index)}]`,
    };
    if (isServiceName(name) && override !== true) {
      collector.problem(
        place,
        'BuiltInService',
        `"${name}" is a built-in service: choose another name, or set override: true to replace its ports everywhere, including the baseline`,
        '.name',
      );
    }
    if (!isServiceName(name) && override === true) {
      collector.problem(
        place,
        'BuiltInService',
        `"${name}" is no built-in service, so there is nothing to replace: remove override, or correct the name`,
        '.override',
      );
    }
  }
}

/** The services that breakGlass reaches. */
export const breakGlassServices = ({
  breakGlassServices: names = ['ssh', 'kube-apiserver'],
}: Pick<Nodes, 'breakGlassServices'>): readonly string[] => names;
