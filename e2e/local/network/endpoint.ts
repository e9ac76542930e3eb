import type { Endpoint } from '../../cluster.ts';
import type { Agent } from '../probes/agent-client.ts';

/** Less than a second, after which Linux would send a second SYN. */
const PROBE_TIMEOUT = 900;

export function startEndpoint(name: string, addresses: readonly string[], agent: Agent): Endpoint {
  const [address] = addresses;
  if (address === undefined) throw new Error(`${name} needs an address`);
  return {
    name,
    address,
    addresses,
    listen: async (ports) => {
      await agent.ask({ op: 'listen', ports });
    },
    probe: (target, { timeout = PROBE_TIMEOUT } = {}) => agent.ask({ op: 'probe', target, timeout }),
    flow: async (target, options = {}) => {
      const flow = await agent.ask({ op: 'flow', target, options });
      return {
        tally: () => agent.ask({ op: 'tally', flow, stop: false }),
        stop: () => agent.ask({ op: 'tally', flow, stop: true }),
      };
    },
  };
}
