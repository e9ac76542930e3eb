/**
 * Warnings of validate on manifests that are valid and may not be meant: they close more than a beginner
 * expects, or are larger than kubectl or etcd takes.
 */
import { type ClusterFirewall, DEFAULT_FIREWALL } from '../../api/schema.ts';
import type { Path } from '../../api/path.ts';
import { opensAnything } from '../../compiler/namespaces/overview.ts';

export interface Hint {
  readonly path: Path;
  readonly reason: 'NothingOpen' | 'ManifestTooLarge';
  readonly message: string;
}

/**
 * @param firewall one of `all` that are validated together
 * @param value the document that it was read from
 */
export function hintsFor(firewall: ClusterFirewall, value: unknown, all: readonly ClusterFirewall[]): Hint[] {
  const isMain = firewall.metadata.name === DEFAULT_FIREWALL;
  return [...(isMain ? [...closedPods(firewall, all), ...closedNodes(firewall)] : []), ...tooLarge(value)];
}

function closedPods({ spec }: ClusterFirewall, all: readonly ClusterFirewall[]): readonly Hint[] {
  if (spec.mode !== 'Enforce' || spec.defaults?.deny === 'None') return [];
  if (all.some((firewall) => (firewall.spec.namespaces ?? []).some(opensAnything))) return [];
  return [
    {
      path: ['spec', 'mode'],
      reason: 'NothingOpen',
      message:
        'Enforce without a rule closes every namespace that is not exempt, except for DNS: write Observe until spec.namespaces has rules for what runs there',
    },
  ];
}

function closedNodes({ spec: { nodes } }: ClusterFirewall): readonly Hint[] {
  if (nodes?.mode !== 'Enforce' || nodes.zones?.length !== 0) return [];
  return [
    {
      path: ['spec', 'nodes', 'zones'],
      reason: 'NothingOpen',
      message:
        'is empty, so nodes let in the baseline, breakGlass and failsafes alone, and nobody else by ssh: write nodes.mode: Observe until there are zones',
    },
  ];
}

/** All annotations of an object together (apimachinery, TotalAnnotationSizeLimitB). */
const ANNOTATIONS = 256 * 1024;
/** etcd takes 1.5 MiB (--max-request-bytes), of which the API server's own fields need a part. */
const STORED = 1_000_000;

function tooLarge(value: unknown): readonly Hint[] {
  const size = Buffer.byteLength(JSON.stringify(value));
  const hint = (message: string): readonly Hint[] => [
    {
      path: [],
      reason: 'ManifestTooLarge',
      message: `has ${size.toLocaleString('en')} bytes as JSON. ${message}`,
    },
  ];
  if (size > STORED)
    return hint(
      'etcd takes 1.5 MiB together with the fields that the API server adds: move groups to further ClusterFirewalls, and apply with --server-side',
    );
  if (size > ANNOTATIONS)
    return hint(
      'kubectl apply keeps a copy in an annotation, which takes 262,144: apply with --server-side; in Argo CD, set ServerSideApply=true',
    );
  return [];
}
