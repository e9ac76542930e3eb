import type { ObserveInput } from '../observe.ts';
import { outputOption, type Declare } from './declare.ts';
import { worldOptions } from './questions.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall observe --commands
  $ kubectl -n calico-system exec calico-node-7x2kp -c calico-node -- \\
      calico-node -flows 1000 > flows.txt
  $ ssh edge1 sudo conntrack -L -o extended |
      clusterfirewall observe -f firewall.yaml
  $ clusterfirewall observe flows.txt edge1.txt --inventory cluster.json

Sources of flows, which may be mixed:
  calico-node -flows N            flows of pods, with Calico's own verdict on staged policies (Calico 3.30 and newer)
  GET /whisker-backend/flows      the same, in JSON
  conntrack -L -o extended        connections of a node, its pods and its Services; also /proc/net/nf_conntrack
  Without FILE standard input is read. A connection between two nodes is in the dumps of both, and counts twice.

Flows are judged by the simulator, with everything enforced. Without -f the policies of the cluster count, staged ones too.
REFUSED AT is source or destination: the end whose policies refuse the flow. NEAREST is the rule that nearly allows it.
LAST SEEN is known from flow logs alone.

JSON contains flows (all of them, with verdict and isByPolicy), lost (ends that the cluster does not have), foreign and lacks.

Exit codes: 0 nothing would be refused, 1 something would, 2 something cannot be read, 3 an end or a verdict is not known, or Calico has another verdict.`;

export const declareObserve: Declare = (program, { io, exit }) => {
  worldOptions(program.command('observe'))
    .description('list the flows of flow logs that Enforce would refuse')
    .argument('[file...]', 'flows of Calico, or connections of nodes; - for standard input')
    .option('--commands', 'print the commands that gather flows on the nodes of this cluster, and read none')
    .addOption(outputOption())
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], input: ObserveInput) => {
      const { observe } = await import('../observe.ts');
      exit(await observe(files, input, io));
    });
};
