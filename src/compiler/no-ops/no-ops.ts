/** Warns of what is valid, compiles, and has no effect. */
import type { ClusterFirewall } from '../../api/schema.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Enforcement } from '../namespaces/enforcement.ts';
import type { ProblemCollector } from '../problems.ts';
import { reportRefused } from './guardrails.ts';
import { reportBlocked, reportNodes } from './nodes.ts';
import { ServiceAddresses, reportServiceAddresses } from './service-addresses.ts';
import { reportThroughNodes } from './through-nodes.ts';

/** @param main the one of `firewalls` that is called default */
export function reportNoOps(
  firewalls: readonly ClusterFirewall[],
  main: ClusterFirewall,
  { enforcement, inventory }: { readonly enforcement: Enforcement; readonly inventory: Inventory },
  collector: ProblemCollector,
): void {
  const addresses = new ServiceAddresses(inventory);
  const { nodes } = main.spec;
  const judgesNodes = nodes !== undefined && nodes.mode !== 'Disabled';
  for (const firewall of firewalls) {
    reportServiceAddresses(firewall, addresses, collector);
    reportThroughNodes(firewall, inventory, judgesNodes, collector);
    reportRefused(firewall, main, { enforcement, inventory }, collector);
  }
  reportNodes(main, inventory, collector);
  reportBlocked(main, collector);
}
