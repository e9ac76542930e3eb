/** Felix's settings on one node. Felix's own environment may outrank them, and cannot be seen. */
import type { Failsafe, StoredFelixConfiguration } from '../calico/read/objects.ts';
import { PROTOCOL } from '../calico/read/protocols.ts';
import type { World } from './world.ts';

export interface Settings {
  readonly failsafeInbound: readonly Failsafe[];
  readonly failsafeOutbound: readonly Failsafe[];
  readonly endpointToHostAction: 'Drop' | 'Accept' | 'Return';
  readonly nftables: boolean;
  readonly bpf: boolean;
  readonly vxlanPort: number;
  readonly wireguard: boolean;
  readonly excludesHostsFromNat: boolean;
  readonly ignoresInvalid: boolean;
  readonly allowsVxlanFromWorkloads: boolean;
  readonly allowsIpipFromWorkloads: boolean;
  /** Why they cannot be known. */
  readonly unknown?: string;
}

const { TCP, UDP } = PROTOCOL;
const all = (protocol: number, ...ports: readonly number[]): readonly Failsafe[] =>
  ports.map((port) => ({ protocol, port }));

/** felix/config/config_params.go. */
const DEFAULTS: Settings = {
  failsafeInbound: [...all(TCP, 22, 179, 2379, 2380, 5473, 6443, 6666, 6667), ...all(UDP, 68)],
  failsafeOutbound: [...all(TCP, 179, 2379, 2380, 5473, 6443, 6666, 6667), ...all(UDP, 53, 67)],
  endpointToHostAction: 'Drop',
  nftables: false,
  bpf: false,
  vxlanPort: 4789,
  wireguard: false,
  excludesHostsFromNat: false,
  ignoresInvalid: false,
  allowsVxlanFromWorkloads: false,
  allowsIpipFromWorkloads: false,
};

export function settingsOf({ felix, problems, lacks }: World, node: string): Settings {
  const find = (name: string): StoredFelixConfiguration | undefined =>
    felix.find((each) => each.name === name);
  const selective = felix.find(({ isSelective }) => isSelective);
  const problem = problems.find(({ kind }) => kind === 'FelixConfiguration');
  const unknown =
    problem !== undefined
      ? `FelixConfiguration ${problem.name} cannot be read: ${problem.field} ${problem.why}`
      : selective !== undefined
        ? `FelixConfiguration ${selective.name} selects nodes`
        : lacks.includes('FelixConfiguration')
          ? 'FelixConfigurations are missing'
          : undefined;
  return {
    ...DEFAULTS,
    ...find('default'),
    ...find(`node.${node}`),
    ...(unknown !== undefined && { unknown }),
  };
}
