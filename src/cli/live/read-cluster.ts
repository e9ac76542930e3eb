/** Reads a cluster as a snapshot has it. Only lists are asked for. */
import { isForbidden, isNotFound, messageOf, TransportError } from '../../cluster/errors.ts';
import { forEachLimit } from '../../cluster/parallel.ts';
import { projectPage, type ListOptions, type NextPage } from '../../cluster/objects/apply.ts';
import { servedGroups, servedResources } from '../../cluster/objects/discovery.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import type { Resource } from '../../cluster/resource.ts';
import { isRecord, valueAt } from '../../json.ts';
import type { Lack } from '../../snapshot/file.ts';
import { SNAPSHOT_KINDS, type SnapshotKind } from '../../snapshot/kinds.ts';
import { reduce } from '../../snapshot/reduce.ts';

export interface ClusterObjects {
  readonly objects: readonly unknown[];
  readonly lacks: readonly Lack[];
}

type Progress = (text: string) => void;

/**
 * A kind that is forbidden or cannot be read becomes a lack. A kind that is not served has no objects, except
 * for Calico's.
 * @throws TransportError when the server does not answer
 */
export async function readCluster(transport: Transport, progress: Progress): Promise<ClusterObjects> {
  const kinds = await withServedVersions(transport);
  progress(`reading ${String(kinds.length)} kinds of objects`);
  const found = new Map<SnapshotKind, readonly unknown[]>();
  const lacks = new Map<SnapshotKind, Lack>();
  await forEachLimit(kinds, AT_ONCE, async (of) => {
    try {
      found.set(of, await listAll(transport, of));
    } catch (error) {
      const because = lackOf(of, error);
      if (because !== undefined) lacks.set(of, { kind: of.kind, because });
    }
  });
  const objects = kinds.flatMap((of) => found.get(of) ?? []);
  const unseen = await unseenTiers(transport, objects);
  progress(`read ${objects.length.toLocaleString('en')} objects`);
  return { objects, lacks: [...kinds.flatMap((of) => lacks.get(of) ?? []), ...unseen] };
}

const AT_ONCE = 4;

/** All objects of a kind, or of one namespace, reduced to what is kept. */
export async function listAll(
  transport: Transport,
  of: SnapshotKind & Pick<Resource, 'namespace'>,
  options: ListOptions = {},
): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  let next: NextPage | undefined;
  do {
    const page = await projectPage(transport, of, (object) => reduce(of, object), { ...options, next });
    const [incomplete] = page.incomplete;
    if (incomplete !== undefined)
      throw new TypeError(
        `${incomplete.key} cannot be used: ${incomplete.flaw.field} ${incomplete.flaw.why}`,
      );
    found.push(...page.items);
    next = page.next;
  } while (next !== undefined);
  return found;
}

/** Undefined: there are none. */
function lackOf({ group, plural }: SnapshotKind, error: unknown): string | undefined {
  if (error instanceof TransportError) throw error;
  if (isNotFound(error))
    return group === 'projectcalico.org' ? `${group}/v3 ${plural} are not served` : undefined;
  if (isForbidden(error)) return `the user of the kubeconfig may not list ${plural}`;
  return messageOf(error);
}

const ADMIN_GROUP = 'policy.networking.k8s.io';

/** The kinds of administrators' policies changed their version while they were young. */
async function withServedVersions(transport: Transport): Promise<readonly SnapshotKind[]> {
  const groups = await servedGroups(transport);
  const served = new Map<string, string>();
  for (const version of groups.find(({ name }) => name === ADMIN_GROUP)?.versions.toReversed() ?? []) {
    for (const { kind } of (await servedResources(transport, ADMIN_GROUP, version)) ?? [])
      served.set(kind, version);
  }
  return SNAPSHOT_KINDS.flatMap((of) => {
    if (of.group !== ADMIN_GROUP) return [of];
    const version = served.get(of.kind);
    return version === undefined ? [] : [{ ...of, version }];
  });
}

const POLICIES = ['globalnetworkpolicies', 'networkpolicies'];

/**
 * Calico's API server lists the policies of tiers that the client may read, and leaves out the others without a
 * word. A list of one tier by its label is refused.
 */
async function unseenTiers(transport: Transport, objects: readonly unknown[]): Promise<readonly Lack[]> {
  const lacks: Lack[] = [];
  const tiers = objects.filter((object) => isRecord(object) && object['kind'] === 'Tier');
  for (const tier of tiers) {
    const name = String(valueAt(tier, 'metadata', 'name'));
    for (const of of SNAPSHOT_KINDS.filter(
      ({ group, plural }) => group === 'projectcalico.org' && POLICIES.includes(plural),
    )) {
      try {
        await projectPage(transport, of, () => undefined, {
          labelSelector: `projectcalico.org/tier=${name}`,
          limit: 1,
          metadataOnly: true,
        });
      } catch (error) {
        if (error instanceof TransportError) throw error;
        lacks.push({ kind: of.kind, because: `policies of the tier ${name} may not be listed` });
      }
    }
  }
  return lacks;
}
