/** Namespaces that are exempt by a built-in name although nothing says that they are Calico's. */
import type { ClusterFirewall } from '../../api/schema.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Inventory } from '../../inventory/types.ts';
import { ruleId } from '../names.ts';
import type { ProblemCollector } from '../problems.ts';

/** The built-in exempt names that only the Tigera operator, or Calico's API server, uses. */
const OF_CALICO = ['calico-apiserver', 'calico-system', 'tigera-operator'];
const CALICO_API = 'APIService/v3.projectcalico.org';

/**
 * On a cluster without such a namespace, whoever may create namespaces can take its name. Nothing is put under
 * the deny because of that: it would be a guess, and a wrong one stops Calico.
 */
export function reportUnclaimed(
  { metadata, spec }: ClusterFirewall,
  inventory: Inventory,
  collector: ProblemCollector,
): void {
  const exempt = spec.defaults?.exempt;
  const { apiServerBackends = [], calicoInstallation, unlistedKinds = [] } = inventory;
  if (exempt?.systemNamespaces === 'None' || calicoInstallation !== false) return;
  if (unlistedKinds.includes('apiservices')) return;
  const existing = new Set(knownOr(inventory.namespaces, []).map(({ name }) => name));
  const claimed = new Set(
    apiServerBackends.flatMap(({ because, namespace }) => (because === CALICO_API ? [namespace] : [])),
  );
  for (const name of OF_CALICO) {
    if (!existing.has(name) || claimed.has(name) || exempt?.names?.includes(name) === true) continue;
    collector.warn(
      { firewall: metadata.name, id: ruleId(metadata.name), path: 'spec' },
      'UnclaimedNamespace',
      `the firewall leaves the namespace ${name} alone because of its name, but nothing shows that it is Calico's (no Installation, and no APIService of Calico that leads there): if it is not, set defaults.exempt.systemNamespaces: None and list the namespaces to leave alone in exempt.names`,
    );
  }
}
