import type { CountersInput } from '../counters.ts';
import { outputOption, type Declare } from './declare.ts';

const EXAMPLES = `
Examples:
  $ ssh edge1 'sudo iptables-save -c; sudo ip6tables-save -c' |
      clusterfirewall counters
  $ kubectl -n calico-system exec calico-node-7x2kp -c calico-node -- \\
      nft list ruleset | clusterfirewall counters
  $ clusterfirewall counters edge1.txt edge2.txt -o json |
      jq '.rules[] | select(.verdict == "WouldDrop")'

Only packets that begin a connection are counted. "would drop" counts packets that nodes in Observe let pass.
WHERE is ports or host for the layers at nodes, before and after DNAT. A packet that passes both is counted in both.
WHERE is ingress or egress at pods. Observed pods have no counters, because Felix does not program staged policies: observe lists what would be refused there.
Lines of "end of tier" are packets that no rule of the tier allowed, by pod and direction. --inventory names the pods.
A counter starts again at 0 when Felix rewrites its rule.

JSON contains rules and tierEnds. A rule contains rule, where, verdict (Dropped, WouldDrop, Passed), packets and bytes, in the same order.`;

export const declareCounters: Declare = (program, { io, exit }) => {
  program
    .command('counters')
    .description("list the counters of each rule on a node, from a dump of the node's packet filter")
    .argument('[file...]', 'the output of iptables-save -c or nft list ruleset; - for standard input')
    .option('--hits', 'only rules that a packet has met')
    .option('--inventory <file>', 'a file of snapshot, or manifests with the pods, for their names')
    .addOption(outputOption())
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], input: CountersInput) => {
      const { counters } = await import('../counters.ts');
      exit(await counters(files, input, io));
    });
};
