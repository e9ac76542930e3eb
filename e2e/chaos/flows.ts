/**
 * The flows that are probed all the time, and the verdict of each in every state of the firewall. They are
 * written by hand from the rules.
 */
import type { Transport } from '../cluster.ts';
import type { State } from './state.ts';

export interface FlowSpec {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: Transport;
  /** `new`: each probe has its own source port. `established`: all share one connection. */
  readonly kind: 'new' | 'established';
  readonly family?: 4 | 6;
  readonly isAllowed: (state: State) => boolean;
}

/**
 * True when the firewall is absent or only observes. Where only `app` is observed, the other end of each of
 * these flows is enforced, which decides.
 */
const open = ({ present, observed }: State): boolean => !present || observed === 'all';
const always = (): boolean => true;
/** Without a firewall nobody polices the nodes. With one they are enforced all the time. */
const unpoliced = ({ present }: State): boolean => !present;

type Row = Partial<Pick<FlowSpec, 'protocol' | 'kind' | 'family'>> & Pick<FlowSpec, 'from' | 'to' | 'port'>;

const flow = (row: Row, isAllowed: FlowSpec['isAllowed']): FlowSpec => {
  const { protocol = 'TCP', kind = 'new', family } = row;
  const suffix = `${kind === 'new' ? '' : ' established'}${family === 6 ? ' IPv6' : ''}`;
  const id = `${row.from} → ${row.to}:${String(row.port)}/${protocol}${suffix}`;
  return { ...row, id, protocol, kind, isAllowed };
};

/** Another client changes the object of this flow's rule. The effect is not the operator's fault. */
export const CONTESTED = flow({ from: 'edge/proxy2', to: 'contested/web', port: 80 }, always);

export const FLOWS: readonly FlowSpec[] = [
  // Flows of pods whose other rules change through faults and work. The rules of these flows stay.
  flow({ from: 'edge/proxy1', to: 'app/web2', port: 80 }, always),
  flow({ from: 'edge/proxy2', to: 'app/web1', port: 80, kind: 'established' }, always),
  flow({ from: 'outside/office', to: 'app/web1', port: 5000, protocol: 'UDP' }, always),
  flow({ from: 'outside/office', to: 'app/web2', port: 5000, protocol: 'UDP', family: 6 }, always),
  flow({ from: 'app/web1', to: 'app/db', port: 3306 }, always),
  flow({ from: 'app/web1', to: 'kube-system/dns', port: 53, protocol: 'UDP' }, always),
  flow({ from: 'mallory/m1', to: 'app/web2', port: 80 }, open),
  flow({ from: 'mallory/m2', to: 'app/web1', port: 5000, protocol: 'UDP' }, open),
  // Flows of pods whose rules never change.
  flow({ from: 'edge/proxy2', to: 'calm/api', port: 80 }, always),
  flow({ from: 'calm/client', to: 'calm/api', port: 5000, protocol: 'UDP' }, always),
  flow({ from: 'calm/client', to: 'calm/api', port: 80, kind: 'established' }, always),
  flow({ from: 'calm/client', to: 'calm/api', port: 8443 }, open),
  flow({ from: 'calm/client', to: 'outside/metadata', port: 80 }, open),
  // Flows of nodes.
  flow({ from: 'outside/office', to: 'node1', port: 8080 }, always),
  flow({ from: 'outside/office', to: 'node2', port: 5001, protocol: 'UDP', family: 6 }, always),
  flow({ from: 'outside/office', to: 'node1', port: 5001, protocol: 'UDP', kind: 'established' }, always),
  flow({ from: 'node1', to: 'node2', port: 8081 }, always),
  flow({ from: 'outside/stranger', to: 'node2', port: 8080 }, unpoliced),
  flow({ from: 'outside/stranger', to: 'node1', port: 5001, protocol: 'UDP', family: 6 }, unpoliced),
  // Flows that the work opens and closes.
  flow({ from: 'outside/office', to: 'node2', port: 8081 }, (state) => unpoliced(state) || state.nodeAdmin),
  flow({ from: 'edge/proxy1', to: 'app/web1', port: 81 }, (state) => open(state) || state.admin),
  flow({ from: 'tenant/client', to: 'tenant/db', port: 3306 }, (state) => open(state) || state.tenant),
  CONTESTED,
];

/** The required observation for the probes of a flow during a sequence of states. */
export type Demand = 'passes' | 'never passes' | 'changes';

/** @param disturbed ids of flows that another client's writes open or close meanwhile */
export function demand(flow: FlowSpec, states: readonly State[], disturbed: ReadonlySet<string>): Demand {
  if (disturbed.has(flow.id)) return 'changes';
  const allowed = states.map(flow.isAllowed);
  if (allowed.every((each) => each)) return 'passes';
  return allowed.some((each) => each) ? 'changes' : 'never passes';
}
