/** Kinds that nobody could list, and the answers that would need them. */
import type { PolicyRule, RuleEnd, StoredPolicy } from '../calico/read/policy.ts';
import { SERVICE_ACCOUNT_PREFIX } from '../calico/read/selectors.ts';
import { and, type Selector } from '../calico/selector.ts';
import type { World } from './world.ts';

/** Why the policies of pods and host endpoints cannot be known. */
export function missingForPolicies({ lacks }: World, kinds: readonly string[]): string | undefined {
  const missing = kinds.find((kind) => lacks.includes(kind));
  return missing === undefined ? undefined : `objects of kind ${missing} are missing`;
}

/** Why the way of a packet cannot be known. @param isPod true where the destination is a pod's own address */
export function missingForWay({ lacks, hostEndpoints }: World, isPod: boolean): string | undefined {
  if (lacks.length === 0) return undefined;
  if (lacks.includes('HostEndpoint')) return 'objects of kind HostEndpoint are missing';
  if (lacks.includes('IPPool') && hostEndpoints.length > 0)
    return 'IPPools are missing, which decide on the source that nodes see';
  return isPod || !lacks.includes('Service')
    ? undefined
    : 'objects of kind Service are missing, and the destination may belong to a Service';
}

/** ServiceAccounts and EndpointSlices that nobody has seen, and the policies that are about them. */
export class Unseen {
  readonly #lacksAccounts: boolean;
  /** The Services whose endpoints are known; undefined for all. */
  readonly #services: ReadonlySet<string> | undefined;

  constructor({ lacks, slices }: Pick<World, 'lacks' | 'slices'>) {
    this.#lacksAccounts = lacks.includes('ServiceAccount');
    const known = slices.flatMap(({ service, isExample }) => (isExample === true ? [] : service));
    this.#services = lacks.includes('EndpointSlice') ? new Set(known) : undefined;
  }

  /** Why nobody knows which pods the policy selects. */
  ofSubject({ kind, sortName, selector }: StoredPolicy): string | undefined {
    return this.#isAboutAccounts(selector)
      ? `${kind} ${sortName} selects pods by labels of ServiceAccounts, which are missing`
      : undefined;
  }

  /** Why nobody knows which packets the rule matches. */
  ofRule({ source, destination, path }: PolicyRule, { kind, sortName }: StoredPolicy): string | undefined {
    const rule = `${path} of ${kind} ${sortName}`;
    for (const { service, selector, notSelector } of [source, destination]) {
      if (service !== undefined && this.isService(service))
        return `${rule} is about the Service ${service}, and EndpointSlices are missing`;
      if (this.#isAboutAccounts(selector) || this.#isAboutAccounts(notSelector))
        return `${rule} is about labels of ServiceAccounts, which are missing`;
    }
    return undefined;
  }

  /** True for a Service whose endpoints nobody knows. @param name `namespace/name` */
  isService(name: string): boolean {
    return this.#services?.has(name) === false;
  }

  /** The rule without the conditions that nobody can judge: it matches every packet that the rule may match. */
  atMost(rule: PolicyRule): PolicyRule {
    return { ...rule, source: this.#without(rule.source), destination: this.#without(rule.destination) };
  }

  #without({ service, selector, notSelector, ...end }: RuleEnd): RuleEnd {
    const seen = selector === undefined ? undefined : this.#seen(selector);
    return {
      ...end,
      ...(service !== undefined && !this.isService(service) && { service }),
      ...(seen !== undefined && { selector: seen }),
      ...(notSelector !== undefined && !this.#isAboutAccounts(notSelector) && { notSelector }),
    };
  }

  #seen(selector: Selector): Selector | undefined {
    if (!this.#isAboutAccounts(selector)) return selector;
    if (selector.kind !== 'and') return undefined;
    const seen = selector.of.flatMap((part) => this.#seen(part) ?? []);
    return seen.length === 0 ? undefined : and(...seen);
  }

  #isAboutAccounts(selector: Selector | undefined): boolean {
    if (!this.#lacksAccounts || selector === undefined) return false;
    switch (selector.kind) {
      case 'all':
      case 'global':
        return false;
      case 'not':
        return this.#isAboutAccounts(selector.of);
      case 'and':
      case 'or':
        return selector.of.some((part) => this.#isAboutAccounts(part));
      default:
        return selector.key.startsWith(SERVICE_ACCOUNT_PREFIX);
    }
  }
}
