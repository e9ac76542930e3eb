/** kubectl ended with another exit code than 0. */
export class KubectlError extends Error {
  override readonly name = 'KubectlError';
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(args: readonly string[], exitCode: number | undefined, stderr: string) {
    super(`kubectl ${args.join(' ')}: exit code ${exitCode}\n${stderr.trimEnd()}`);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}
