/**
 * Warns of effects that Felix's configuration has at host endpoints in addition to the rules. Felix's
 * environment outranks its configuration and cannot be read.
 */
import { knownOr } from '../../inventory/known.ts';
import type { FelixConfigurationInfo } from '../../inventory/types.ts';
import type { NodeContext } from './context.ts';

export function dataplaneNotes(context: NodeContext): readonly string[] {
  const { felixConfigurations } = context.inventory;
  if (felixConfigurations === undefined) return [];
  const cluster = felixConfigurations.find(({ name }) => name === 'default');
  const settings = effectiveSettings(felixConfigurations, context);
  return [
    ...(felixConfigurations.some(({ bpfEnabled }) => bpfEnabled === true)
      ? ['eBPF dataplane: rules apply only to interfaces that match bpfDataIfacePattern, and never to lo']
      : []),
    ...(context.nodeFirewall.nodes.log === 'Refused' && settings.some(isUnlimited)
      ? [
          'log is Refused, and no limit is set: a line of the kernel log for each refused packet may fill disks. Set logActionRateLimit in FelixConfiguration default, which Calico has since 3.32',
        ]
      : []),
    ...(settings.some(acceptsForGood)
      ? [
          'iptables mode: rules of INPUT after those of Felix (ufw, a script) do not see traffic that passes; if there are any, set iptablesFilterAllowAction: Return in FelixConfiguration default',
        ]
      : []),
    ...(settings.some(dropsInvalid)
      ? [
          'INVALID packets are dropped, in Observe too (asymmetric routes, direct server return): set disableConntrackInvalidCheck in FelixConfiguration default to apply the rules to them instead',
        ]
      : []),
    ...(cluster?.endpointToHostAction === 'Accept'
      ? [
          'defaultEndpointToHostAction is Accept: rules apply to traffic of a pod to its own node only at the known addresses of the node',
        ]
      : []),
    ...(cluster?.endpointToHostAction === 'Drop'
      ? ['defaultEndpointToHostAction is Drop: a pod does not reach its own node, even where zones allow it']
      : []),
  ];
}

type Settings = Omit<FelixConfigurationInfo, 'name'>;

/**
 * The settings of each selected node, and of each configuration with a nodeSelector. The nodes behind such a
 * selector are not resolved.
 */
function effectiveSettings(
  configurations: readonly FelixConfigurationInfo[],
  { selected }: NodeContext,
): readonly Settings[] {
  const named = (name: string): Settings => configurations.find((each) => each.name === name) ?? {};
  const cluster = named('default');
  const bySelector = configurations.filter(({ name }) => name !== 'default' && !name.startsWith('node.'));
  const nodeSettings = knownOr(selected, []).map(({ name }) => named(`node.${name}`));
  return [...nodeSettings, ...bySelector].map((each) => ({ ...cluster, ...each }));
}

/**
 * Felix's default action is ACCEPT, which ends INPUT. In nftables mode it ends only Felix's own chain
 * (felix/config/config_params.go).
 */
const acceptsForGood = ({ bpfEnabled, nftablesMode, iptablesFilterAllowAction }: Settings): boolean =>
  bpfEnabled !== true && nftablesMode !== 'Enabled' && iptablesFilterAllowAction?.toLowerCase() !== 'return';

const isUnlimited = ({ logActionRateLimit }: Settings): boolean => logActionRateLimit === undefined;

/** Felix drops them before the policies of each endpoint (felix/rules/endpoints.go). */
const dropsInvalid = ({ bpfEnabled, disableConntrackInvalidCheck }: Settings): boolean =>
  bpfEnabled !== true && disableConntrackInvalidCheck !== true;
