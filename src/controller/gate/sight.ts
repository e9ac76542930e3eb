/** Reads what else is in force as whole objects, because informers keep only parts of them. */
import type { Clock } from '../../cluster/clock.ts';
import { isForbidden, isNotFound } from '../../cluster/errors.ts';
import { list } from '../../cluster/objects/apply.ts';
import type { KubernetesObject, Resource } from '../../cluster/resource.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { ADMIN_POLICY_GROUP, ADMIN_POLICY_KINDS } from '../../inventory/admin-policies.ts';
import type { AdminPolicyKind } from '../../inventory/types.ts';
import type { Authorship } from '../objects/authorship.ts';
import { CALICO_GROUP, CALICO_VERSION } from '../objects/kinds.ts';
import type { AdminPolicyVersions } from '../observe/other-policies.ts';
import { isOfOthers } from '../../questions/world.ts';

/**
 * Others change their policies at any time, the watch keeps only parts of them, and lists are not free. So
 * everything is looked at again after so long.
 */
export const LOOK_AGAIN_MS = 60_000;

/** The stored objects that decide about flows. */
export interface Sight {
  readonly others: readonly KubernetesObject[];
  readonly own: readonly KubernetesObject[];
  /** Kinds that could not be listed. */
  readonly lacks: readonly string[];
  /** Milliseconds of the clock. */
  readonly at: number;
}

/** Namespaces, policies and configuration. Pods, ServiceAccounts and EndpointSlices are never read. */
const NEVER = ['Pod', 'ServiceAccount', 'EndpointSlice'];

const CALICO_KINDS = {
  Tier: 'tiers',
  GlobalNetworkPolicy: 'globalnetworkpolicies',
  NetworkPolicy: 'networkpolicies',
  GlobalNetworkSet: 'globalnetworksets',
  NetworkSet: 'networksets',
  HostEndpoint: 'hostendpoints',
  IPPool: 'ippools',
  FelixConfiguration: 'felixconfigurations',
} as const;

interface Kind extends Resource {
  readonly kind: string;
}

const CORE: readonly Kind[] = [
  { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace' },
  { group: '', version: 'v1', plural: 'nodes', kind: 'Node' },
  { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies', kind: 'NetworkPolicy' },
  ...Object.entries(CALICO_KINDS).map(([kind, plural]) => ({
    group: CALICO_GROUP,
    version: CALICO_VERSION,
    plural,
    kind,
  })),
];

const adminKinds = (versions: AdminPolicyVersions): readonly Kind[] =>
  (Object.keys(versions) as readonly AdminPolicyKind[]).flatMap((kind) => {
    const version = versions[kind];
    const plural = ADMIN_POLICY_KINDS[kind];
    return version === undefined ? [] : [{ group: ADMIN_POLICY_GROUP, version, plural, kind }];
  });

export class Eyes {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #authorship: Pick<Authorship, 'wrote'>;
  readonly #without: ReadonlySet<string>;
  #last: Sight | undefined;

  /** @param without kinds that nobody asks about, which are neither listed nor missing */
  constructor(
    transport: Transport,
    clock: Clock,
    authorship: Pick<Authorship, 'wrote'>,
    without: readonly string[] = [],
  ) {
    this.#without = new Set(without);
    this.#transport = transport;
    this.#clock = clock;
    this.#authorship = authorship;
  }

  /** @throws ApiError or TransportError */
  async look(versions: AdminPolicyVersions, maxAgeMs: number, signal: AbortSignal): Promise<Sight> {
    const at = this.#clock.now();
    if (this.#last !== undefined && at - this.#last.at <= maxAgeMs) return this.#last;
    const lacks = [...NEVER];
    const objects: KubernetesObject[] = [];
    for (const each of [...CORE, ...adminKinds(versions)]) {
      if (this.#without.has(each.kind)) continue;
      const found = await this.#list(each, signal);
      if (found === 'forbidden') lacks.push(each.kind);
      else objects.push(...found);
    }
    const isOwn = (object: KubernetesObject): boolean =>
      !isOfOthers(object) &&
      (object.kind !== 'NetworkPolicy' || this.#authorship.wrote('NetworkPolicy', object));
    this.#last = { others: objects.filter(isOfOthers), own: objects.filter(isOwn), lacks, at };
    return this.#last;
  }

  forget(): void {
    this.#last = undefined;
  }

  async #list(kind: Kind, signal: AbortSignal): Promise<readonly KubernetesObject[] | 'forbidden'> {
    const { kind: name, ...resource } = kind;
    const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
    try {
      const items = await list(this.#transport, resource, { signal });
      return items.map((item) => ({ ...item, apiVersion, kind: name }));
    } catch (error) {
      if (isForbidden(error)) return 'forbidden';
      if (isNotFound(error)) return [];
      throw error;
    }
  }
}
