/**
 * The operator is loaded here and nowhere else in the command line, because it brings the Kubernetes client
 * and the logger.
 */
export interface RunOptions {
  /** `HOST:PORT` for health and metrics. Without it nothing listens. */
  readonly healthAddress?: string;
}

/** Runs until a signal stops it. */
export async function run(options: RunOptions): Promise<void> {
  const { runOperator } = await import('../operator.ts');
  await runOperator(options);
}
