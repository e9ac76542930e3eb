import { InvalidArgumentError, Option } from 'commander';
import { everyoneOf, type Known, NODES, ofCidr, PODS } from '../../importing/addresses.ts';
import { ORIGINS, type Origin } from '../../importing/import.ts';
import { type Spans, union } from '../../importing/spans.ts';
import { AddressError, type Cidr, parseCidr } from '../../net/cidr.ts';
import type { Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ sudo iptables-save > v4.txt; sudo ip6tables-save > v6.txt
  $ sudo ipset save > sets.txt
  $ clusterfirewall import --from iptables v4.txt v6.txt sets.txt > new.yaml
  $ clusterfirewall import --from iptables v4.txt --pods 10.244.0.0/16
  $ clusterfirewall import --from iptables v4.txt --interface eth1=10.0.0.0/8
  $ kubectl get netpol -A -o yaml > policies.yaml
  $ clusterfirewall import --from networkpolicy policies.yaml > new.yaml

It prints a ClusterFirewall with mode: Observe, and on standard error each line that it could not take over, with the reason. The result never lets in what the files refuse, apart from what the table on standard error names.
A line with a criterion that is not understood opens nothing if it allows. If it drops, all that it may drop stays closed.
Addresses of a ClusterFirewall mean neither pods nor nodes. With --pods and --nodes, rules for their ranges become rules for Pods and Nodes.

Exit codes: 0 every line was taken over, 2 a file is not understood, 3 something was left out.`;

interface ImportFlags {
  readonly from: Origin;
  readonly pods?: readonly Cidr[];
  readonly nodes?: readonly Cidr[];
  readonly services?: readonly Cidr[];
  readonly interface?: ReadonlyMap<string, Spans>;
  readonly defaultZone?: string;
  readonly ipv4Only?: boolean;
}

export const declareImport: Declare = (program, { io, exit }) => {
  program
    .command('import')
    .description('turn the rules of another firewall into a ClusterFirewall, and list what was left out')
    .argument('<file...>', 'its rules; - for standard input')
    .addOption(new Option('--from <program>', 'whose rules they are').choices(ORIGINS).makeOptionMandatory())
    .option('--pods <cidr>', 'a range of pods; repeat it for more', cidrs)
    .option('--nodes <cidr>', 'a range of nodes; repeat it for more', cidrs)
    .option('--services <cidr>', 'a range of Services, from which no packet comes; repeat it for more', cidrs)
    .option('--interface <name=sources>', 'who is behind an interface: CIDRs, Pods, Nodes, Everyone', behind)
    .option('--default-zone <name>', 'the default zone of firewalld')
    .option('--ipv4-only', 'the cluster has no IPv6')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], flags: ImportFlags) => {
      const { importFiles } = await import('../import.ts');
      const { from, interface: interfaces = new Map<string, Spans>(), ipv4Only = false, ...ranges } = flags;
      const known: Known = { ...ranges, interfaces, ipv4Only };
      exit(await importFiles(files, { from, known }, io));
    });
};

function cidrs(text: string, before: readonly Cidr[] = []): readonly Cidr[] {
  try {
    return [...before, ...text.split(',').map(parseCidr)];
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new InvalidArgumentError(error.message);
  }
}

const ENTITIES: ReadonlyMap<string, Spans> = new Map([
  ['Pods', PODS],
  ['Nodes', NODES],
  ['Everyone', union(everyoneOf(4), everyoneOf(6))],
]);

function behind(text: string, before: ReadonlyMap<string, Spans> = new Map()): ReadonlyMap<string, Spans> {
  const [, name = '', sources = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === '') throw new InvalidArgumentError('Write NAME=SOURCES, as eth1=10.0.0.0/8,Nodes.');
  const spans = sources.split(',').map((each) => ENTITIES.get(each) ?? union(...cidrs(each).map(ofCidr)));
  return new Map([...before, [name, union(...(before.has(name) ? [before.get(name) ?? []] : []), ...spans)]]);
}
