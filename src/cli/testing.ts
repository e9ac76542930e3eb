/** Runs a command line in this process, as main.ts would, and keeps its output. */
import { main } from './program.ts';

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunSettings {
  readonly stdin?: string;
  readonly color?: boolean;
}

export async function runCommand(
  argv: readonly string[],
  { stdin = '', color = false }: RunSettings = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const exitCode = await main(argv, {
    stdin: () => Promise.resolve(new TextEncoder().encode(stdin)),
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    color,
  });
  return { exitCode, stdout, stderr };
}
