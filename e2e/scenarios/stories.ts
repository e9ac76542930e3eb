/** The list of stories. */
import { forgery } from './stories/d01-forgery.ts';
import { farEnds } from './stories/d02-far-ends.ts';
import { onlyEgress, onlyIngress } from './stories/d03-one-direction.ts';
import { selectedGroup } from './stories/d04-selected-group.ts';
import { addressRanges, world, worldWithoutPools } from './stories/d05-world.ts';
import { tenantPolicies } from './stories/d06-tenant-policies.ts';
import { removal } from './stories/d07-removal.ts';
import { badManifests } from './stories/d08-bad-manifests.ts';
import { twoGuardrails } from './stories/d09-two-guardrails.ts';
import { networkSetGuard } from './stories/d10-networkset-guard.ts';
import { waysToSay } from './stories/d11-ways-to-say.ts';
import { secondFirewall } from './stories/d12-second-firewall.ts';
import { retain } from './stories/d13-retain.ts';
import { systemNamespaces } from './stories/d14-system-namespaces.ts';
import { cascade } from './stories/d15-cascade.ts';
import { changes } from './stories/d16-changes.ts';
import { webhooks } from './stories/d17-webhooks.ts';
import { nodesAndControlPlane } from './stories/d18-nodes-and-control-plane.ts';
import { podGuard } from './stories/d19-pod-guard.ts';
import { ownNamespace } from './stories/d24-own-namespace.ts';
import { foreignPolicies, foreignTiers } from './stories/d25-foreign-policies.ts';
import { forgedPolicies } from './stories/d26-forged-policies.ts';
import { guardrailFrom } from './stories/d35-guardrail-from.ts';
import { serviceAsDestination } from './stories/d36-service.ts';
import { ceilings } from './stories/d37-ceilings.ts';
import { platform } from './stories/d39-platform.ts';
import { assertions } from './stories/d41-assertions.ts';
import { nodesByLabel } from './stories/d29-nodes-by-label.ts';
import { alteredObjects } from './stories/d31-altered-objects.ts';
import { keptDeny, keptObjects } from './stories/d32-kept-objects.ts';
import { defaultDeny } from './stories/s01-default-deny.ts';
import { dns } from './stories/s02-dns.ts';
import { insideNamespace } from './stories/s03-namespace.ts';
import { egress } from './stories/s04-egress.ts';
import { ingress } from './stories/s05-ingress.ts';
import { metrics } from './stories/s06-metrics.ts';
import { database } from './stories/s07-database.ts';
import { wordpressSample } from './stories/readme-wordpress.ts';
import { metadata } from './stories/s15-metadata.ts';
import { zeroTrust } from './stories/s16-zero-trust.ts';
import { observe } from './stories/s20-observe.ts';
import type { Story } from './story.ts';

/** S: the purposes of the firewall (its scenarios). D: dangers. `make test` plays these. */
export const STORIES: readonly Story[] = [
  defaultDeny,
  dns,
  insideNamespace,
  egress,
  ingress,
  metrics,
  database,
  metadata,
  zeroTrust,
  observe,
  wordpressSample,
  forgery,
  onlyEgress,
  world,
  serviceAsDestination,
  ceilings,
  forgedPolicies,
  twoGuardrails,
  waysToSay,
  ownNamespace,
  alteredObjects,
];

/** `make e2e` plays these too. */
export const MORE_STORIES: readonly Story[] = [
  farEnds,
  onlyIngress,
  selectedGroup,
  worldWithoutPools,
  addressRanges,
  nodesByLabel,
  guardrailFrom,
  tenantPolicies,
  platform,
  assertions,
  removal,
  badManifests,
  networkSetGuard,
  secondFirewall,
  retain,
  systemNamespaces,
  cascade,
  changes,
  webhooks,
  nodesAndControlPlane,
  podGuard,
  foreignTiers,
  foreignPolicies,
  keptObjects,
  keptDeny,
];
