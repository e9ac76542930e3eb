import type { Dataplane, StartedNode } from '../../cluster.ts';
import type { Agent } from '../probes/agent-client.ts';
import type { Run } from '../process/run.ts';
import { startEndpoint } from './endpoint.ts';
import {
  addInterface,
  addLocalAddress,
  addVirtualAddress,
  mapHostPort,
  type NodePlace,
} from './node-network.ts';
import { readPacketFilter } from './packet-filter.ts';

interface NodeParts {
  readonly addresses: readonly string[];
  /** Runs in the node's network namespace. */
  readonly agent: Agent;
  readonly dataplane: Dataplane;
}

/** A node in the view of tests, whichever provider made it. */
export function startNode(
  run: Run,
  place: NodePlace,
  { addresses: own, agent, dataplane }: NodeParts,
): StartedNode {
  return {
    ...startEndpoint(place.name, own, agent),
    dataplane,
    addAddress: async (address, ports = []) => {
      await addLocalAddress(place, address);
      await agent.ask({ op: 'listen', ports, address });
    },
    addVirtualAddress: (address) => addVirtualAddress(place, address),
    addInterface: (device, addresses) => addInterface(run, place, device, addresses),
    mapHostPort: (mapping) => mapHostPort(place, mapping),
    interfaceAddresses: () => agent.ask({ op: 'addresses' }),
    listenOnEach: async (ports) => {
      await agent.ask({ op: 'listen-on-each', ports });
    },
    packetFilter: () => readPacketFilter(place.namespace, dataplane),
  };
}
