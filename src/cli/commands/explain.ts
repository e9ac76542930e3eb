import type { ExplainInput } from '../explain.ts';
import { outputOption, type Declare } from './declare.ts';
import { questionOptions } from './questions.ts';

const EXAMPLES = `
Examples:
  $ clusterfirewall explain shop/web shop/db 5432
  $ clusterfirewall explain shop/web shop/db
  $ clusterfirewall explain world service:shop/web:443 --inventory cluster.json
  $ clusterfirewall explain pod:shop[app=report] shop/db 5432 \\
      -f firewall.yaml --inventory cluster.json
  $ clusterfirewall explain 203.0.113.7 node:worker1:30080 -f firewall.yaml \\
      --mode enforce

FROM and TO:
  NAMESPACE/POD              one pod, or all whose names begin so, as those of a Deployment
  pod:NAMESPACE[label=value] a pod that need not exist
  node:NAME                  a node; as TO also node:NAME:PORT
  service:NAMESPACE/NAME     a Service, as TO only; also with :PORT
  203.0.113.7                an address
  world                      every address outside of the cluster
PORT is 5432, 53/UDP, the name of a port of the pod or Service, or ICMP. Without it the answer is about every packet.

Without --inventory the cluster of the kubeconfig is read; nothing is written. config/viewer is the ClusterRole for that.
With -f the ClusterFirewalls in these files are compiled, and the cluster's own policies of ClusterFirewalls do not count.
A denial names the rule that comes nearest, and with -f the smallest rule that allows the flow.

JSON contains verdict (Allowed, Denied or Unknown), answers (without PORT: pairs), and lacks (kinds that could not be read).

Exit codes: 0 allowed, 1 denied, 2 the question is wrong, 3 Unknown, or a manifest has a problem. Several ends are allowed if all are.`;

export const declareExplain: Declare = (program, { io, exit }) => {
  questionOptions(program.command('explain'))
    .description('say whether a flow is allowed, and why')
    .argument('<from>', 'who opens the connection')
    .argument('<to>', 'who accepts it')
    .argument('[port]', 'its port; without it: every packet, or the port that <to> has')
    .addOption(outputOption())
    .addHelpText('after', EXAMPLES)
    .action(async (from: string, to: string, port: string | undefined, input: ExplainInput) => {
      const { explain } = await import('../explain.ts');
      exit(await explain([from, to, port], input, io));
    });
};
