/** Namespaces that are exempt because of a label. Nobody can see that from the manifest. */
import type { ClusterFirewall } from '../../api/schema.ts';
import { knownOr } from '../../inventory/known.ts';
import type { Inventory, NamespaceInfo } from '../../inventory/types.ts';
import { ruleId } from '../names.ts';
import type { ProblemCollector } from '../problems.ts';
import { isExemptByLabel, type Enforcement } from './enforcement.ts';

export function reportExemptByLabel(
  firewall: ClusterFirewall,
  { exemptBy }: Pick<Enforcement, 'exemptBy'>,
  inventory: Inventory,
  collector: ProblemCollector,
): void {
  const { metadata, spec } = firewall;
  for (const namespace of knownOr(inventory.namespaces, [])) {
    // One that is exempt by name as well would be so without its labels.
    if (!isExemptByLabel(firewall, namespace) || exemptBy(namespace.name) !== 'namespaceSelector') continue;
    collector.warn(
      {
        firewall: metadata.name,
        id: ruleId(metadata.name, 'defaults', 'exempt', namespace.name),
        path: 'spec.defaults.exempt.namespaceSelector',
      },
      'ExemptByLabel',
      `namespace "${namespace.name}" is exempt because of its labels (${askedFor(spec, namespace)}): nothing is closed there, and no guardrail holds; whoever may label namespaces decides it`,
    );
  }
}

/** The labels that the selector asks for, as the namespace has them. */
function askedFor({ defaults }: ClusterFirewall['spec'], { labels }: NamespaceInfo): string {
  const { matchLabels = {}, matchExpressions = [] } = defaults?.exempt?.namespaceSelector ?? {};
  const keys = [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)];
  return [...new Set(keys)]
    .sort()
    .map((key) => (labels[key] === undefined ? `no ${key}` : `${key}=${labels[key]}`))
    .join(', ');
}
