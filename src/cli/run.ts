/** The operator is loaded here and nowhere else in the command line: it brings the Kubernetes client and the logger. */
export interface RunOptions {
  /** `HOST:PORT` that health and metrics are served on; without it nothing listens. */
  readonly healthAddress?: string;
}

/** Runs until it is told to stop by a signal. */
export async function run(options: RunOptions): Promise<void> {
  const { runOperator } = await import('../operator.ts');
  await runOperator(options);
}
