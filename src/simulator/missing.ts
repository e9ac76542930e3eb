/** Kinds that nobody could list, and the answers that would need them. */
import { SERVICE_ACCOUNT_PREFIX } from '../calico/read/selectors.ts';
import type { World } from './world.ts';

/** Why the policies of pods and host endpoints cannot be known. */
export function missingForPolicies({ lacks, policies }: World, kinds: readonly string[]): string | undefined {
  const missing = kinds.find((kind) => lacks.includes(kind));
  if (missing !== undefined) return `objects of kind ${missing} are missing`;
  const lacksAccounts = lacks.includes('ServiceAccount');
  if (lacksAccounts && JSON.stringify(policies, bigintsAsText).includes(`"${SERVICE_ACCOUNT_PREFIX}`))
    return 'a policy is about labels of ServiceAccounts, and these are missing';
  const namesService = policies.some(({ ingress, egress }) =>
    [...ingress, ...egress].some(({ source, destination }) => source.service ?? destination.service),
  );
  if (namesService && lacks.includes('EndpointSlice'))
    return 'a policy is about a Service, and EndpointSlices are missing';
  return undefined;
}

/** Addresses are bigints, which JSON does not have. */
const bigintsAsText = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

/** Why the way of a packet cannot be known. @param isPod true where the destination is a pod's own address */
export function missingForWay({ lacks, hostEndpoints }: World, isPod: boolean): string | undefined {
  if (lacks.length === 0) return undefined;
  if (lacks.includes('HostEndpoint')) return 'objects of kind HostEndpoint are missing';
  if (lacks.includes('IPPool') && hostEndpoints.length > 0)
    return 'IPPools are missing, which decide on the source that nodes see';
  const missing = ['Service', 'EndpointSlice'].find((kind) => lacks.includes(kind));
  return missing === undefined || isPod
    ? undefined
    : `objects of kind ${missing} are missing, and the destination may belong to a Service`;
}
