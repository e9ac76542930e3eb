/**
 * The operator is loaded here and nowhere else in the command line, because it brings the Kubernetes client
 * and the logger.
 */
import type { EndpointFlags } from '../serving/endpoints.ts';

/** Runs until a signal stops it. */
export async function run(options: EndpointFlags): Promise<void> {
  const { runOperator } = await import('../operator.ts');
  await runOperator(options);
}
