import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Dataplane } from '../../cluster.ts';
import { inNamespace, runIn } from '../process/netns.ts';
import { SYSTEM_PATH } from '../process/prerequisites.ts';

/**
 * Runs commands of nft(8) in a namespace.
 * @throws with its message
 */
export async function nft(namespace: string, commands: string): Promise<void> {
  await runIn(namespace, ['nft', commands]);
}

/** iptables has two kernel interfaces. Felix takes the one that it finds in use. */
const DUMPS: Readonly<Record<Dataplane, readonly (readonly [file: string, ...args: string[]])[]>> = {
  iptables: [
    ['iptables-legacy-save', '-c'],
    ['iptables-nft-save', '-c'],
    ['ip6tables-legacy-save', '-c'],
    ['ip6tables-nft-save', '-c'],
    ['ipset', 'save'],
  ],
  nftables: [['nft', 'list', 'ruleset']],
};

/** All rules and sets of a namespace, as the tools print them. */
export async function readPacketFilter(namespace: string, dataplane: Dataplane): Promise<string> {
  const dumps = DUMPS[dataplane].map(([file, ...args]) => output(inNamespace(namespace, file, args)));
  return (await Promise.all(dumps)).join('\n');
}

async function output(args: readonly string[]): Promise<string> {
  const child = spawn('ip', args, { env: { PATH: SYSTEM_PATH }, stdio: ['ignore', 'pipe', 'ignore'] });
  child.once('error', () => undefined);
  return text(child.stdout);
}
