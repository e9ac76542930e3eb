import type { Endpoint, OutsideHostSpec } from '../../cluster.ts';
import { startAgent } from '../probes/agent-client.ts';
import type { Run } from '../process/run.ts';
import { startEndpoint } from './endpoint.ts';
import { attachOutsideHost } from './fabric.ts';

/** A host with addresses of any network, which listens where its spec says. */
export async function startOutsideHost(
  run: Run,
  { name, addresses, ports = [] }: OutsideHostSpec,
): Promise<Endpoint> {
  const namespace = await attachOutsideHost(run, name, addresses);
  const host = startEndpoint(name, addresses, startAgent(run, namespace, name));
  await host.listen(ports);
  return host;
}
