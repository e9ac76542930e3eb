/** Policies of Kubernetes' own API groups, which Calico enforces, too. They are only read. */
import { readKubernetesNetworkPolicy } from '../../inventory/actions.ts';
import { ADMIN_POLICY_GROUP, ADMIN_POLICY_KINDS, readAdminPolicy } from '../../inventory/admin-policies.ts';
import type {
  AdminPolicyInfo,
  AdminPolicyKind,
  Inventory,
  NamespacePolicyInfo,
} from '../../inventory/types.ts';
import { AtMostEvery } from '../../cluster/at-most-every.ts';
import { Informer, type InformerContext } from '../../cluster/informer/informer.ts';
import { InformerGroup, type Informers } from '../../cluster/informer/informer-group.ts';
import { PatientInformers } from '../../cluster/informer/patient-informers.ts';
import { ifChanged } from '../../cluster/informer/store.ts';
import type { Resource } from '../../cluster/resource.ts';

/** The version in which each kind of administrators' policies is served. */
export type AdminPolicyVersions = Readonly<Partial<Record<AdminPolicyKind, string>>>;

/** The kind has a name of its own in logs and metrics, because Calico's NetworkPolicy is another one. */
const KUBERNETES_NETWORK_POLICY = 'KubernetesNetworkPolicy';
export const NETWORK_POLICIES: Resource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
};
/** See ApiServerCallees. */
const PATIENCE_MS = 10_000;

const adminKinds = Object.keys(ADMIN_POLICY_KINDS) as readonly AdminPolicyKind[];

/** A tenant can change his policies as often as he likes. */
const TENANTS_EVERY_MS = 60_000;

export class OtherPolicies implements Informers {
  readonly #informers: Informers;
  readonly #tenantsChanged: AtMostEvery;
  readonly #networkPolicies: Informer<NamespacePolicyInfo>;
  readonly #adminPolicies: ReadonlyMap<AdminPolicyKind, Informer<AdminPolicyInfo>>;

  /**
   * @param onChange called when an administrator's policy changed, when a missing kind is no longer waited for,
   * and at most once a minute when tenants' policies changed
   */
  constructor(versions: AdminPolicyVersions, context: InformerContext, onChange: () => void) {
    this.#tenantsChanged = new AtMostEvery(context.clock, TENANTS_EVERY_MS, onChange);
    this.#networkPolicies = new Informer(context, {
      kind: KUBERNETES_NETWORK_POLICY,
      resource: NETWORK_POLICIES,
      project: readKubernetesNetworkPolicy,
      onChange: ifChanged<NamespacePolicyInfo>(() => {
        // The first list is reported as a whole, by onSynced.
        if (this.#networkPolicies.hasSynced) this.noteTenantChange();
      }),
      onSynced: onChange,
    });
    this.#adminPolicies = new Map(
      adminKinds.flatMap((kind) => {
        const version = versions[kind];
        if (version === undefined) return [];
        const informer = new Informer<AdminPolicyInfo>(context, {
          kind,
          resource: { group: ADMIN_POLICY_GROUP, version, plural: ADMIN_POLICY_KINDS[kind] },
          project: (object) => readAdminPolicy(kind, object),
          onChange: ifChanged<AdminPolicyInfo>(onChange),
          onSynced: onChange,
        });
        return [[kind, informer]];
      }),
    );
    const group = new InformerGroup([this.#networkPolicies, ...this.#adminPolicies.values()]);
    this.#informers = new PatientInformers(group, context.clock, PATIENCE_MS, onChange);
  }

  start(): void {
    this.#informers.start();
  }

  async stop(): Promise<void> {
    this.#tenantsChanged.stop();
    await this.#informers.stop();
  }

  get hasSynced(): boolean {
    return this.#informers.hasSynced;
  }

  /** A NetworkPolicy of Calico's counts like one of Kubernetes'. */
  noteTenantChange(): void {
    this.#tenantsChanged.call();
  }

  inventory(): Required<Pick<Inventory, 'adminPolicies' | 'unlistedAdminKinds'>> {
    const all = [...this.#adminPolicies];
    return {
      adminPolicies: all.flatMap(([, { store }]) => store.list()),
      unlistedAdminKinds: all.flatMap(([kind, { hasSynced }]) => (hasSynced ? [] : [kind])),
    };
  }

  /** NetworkPolicies of Kubernetes; undefined where they cannot be listed. */
  networkPolicies(): readonly NamespacePolicyInfo[] | undefined {
    return this.#networkPolicies.hasSynced ? this.#networkPolicies.store.list() : undefined;
  }
}
