/** The words of `uninstall`. */
import { GROUP, PLURAL, VERSION as API_VERSION } from '../api/schema.ts';
import type { Transport } from '../cluster/http/transport.ts';
import { servedResources } from '../cluster/objects/discovery.ts';
import { isUnknown, orUnknown } from '../inspect/answer.ts';
import type { ClusterStatus } from '../inspect/cluster-status.ts';
import { installedBy, type OperatorDeployment } from '../inspect/deployments.ts';
import type { Ended } from '../removal/firewalls.ts';
import type { Remnants } from '../removal/remnants.ts';
import { columns, paragraph } from './columns.ts';
import { printable } from './printable.ts';

export interface AnnouncementInput {
  readonly retain: boolean;
  readonly found: Remnants;
  readonly status: ClusterStatus;
  readonly server: string;
}

/** Says what opens, or with `retain` what stays. */
export function announcement({
  retain,
  found: { firewalls, objects, failsafes },
  status: { namespaces, nodes },
  server,
}: AnnouncementInput): string {
  const closed = isUnknown(namespaces)
    ? [printable(`not known: ${namespaces.unknown}`)]
    : enforced(namespaces);
  const machines = isUnknown(nodes) ? [printable(`not known: ${nodes.unknown}`)] : enforced(nodes);
  const head = retain
    ? paragraph(`In ${printable(server)} this stays in force, and nobody changes or repairs it any more:`, '')
    : `In ${printable(server)} this opens:\n`;
  const failsafesText = retain
    ? 'stay narrowed in FelixConfiguration/default'
    : 'are given back in FelixConfiguration/default, first of all';
  const kept = firewalls.flatMap(({ metadata }) => {
    const by = installedBy(metadata);
    return by.tool === 'kubectl'
      ? []
      : [
          `${by.tool} keeps ClusterFirewall ${metadata.name} (${by.name}), and may bring it back: take it out there first.`,
        ];
  });
  return (
    head +
    columns([
      ['  namespaces', list(closed)],
      ['  nodes', list(machines)],
      ...(failsafes === undefined ? [] : [['  failsafes', failsafesText]]),
      [
        '  removed',
        [
          count(firewalls.length, 'ClusterFirewall'),
          retain ? '' : count(objects.length, 'object') + ' of Calico',
        ]
          .filter(Boolean)
          .join(', '),
      ],
    ]) +
    kept.map((each) => paragraph(printable(each))).join('')
  );
}

const enforced = (
  standings: readonly { readonly name: string; readonly state: string }[],
): readonly string[] =>
  standings.filter(({ state }) => state === 'enforced').map(({ name }) => printable(name));

const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));

const count = (number: number, what: string): string => `${String(number)} ${what}${number === 1 ? '' : 's'}`;

export function stuck({ left, by, trouble }: Ended, operators: readonly OperatorDeployment[]): string {
  const names = `still there: ClusterFirewall ${left.join(', ')}`;
  const [operator] = operators;
  const why =
    by === 'operator' && operator !== undefined
      ? `The operator leads and does not end it. See: kubectl describe clusterfirewall. To end it without the operator: kubectl -n ${operator.namespace} scale deployment clusterfirewall --replicas=0, and run this again.`
      : trouble === undefined
        ? 'Run this again with a longer --timeout.'
        : `Last: ${trouble}`;
  return paragraph(printable(`${names}. ${why}`));
}

/** The commands that remove what this one does not. */
export async function rest(transport: Transport, operators: readonly OperatorDeployment[]): Promise<string> {
  const crd = `${PLURAL}.${GROUP}`;
  const resources = await orUnknown(
    servedResources(transport, GROUP, API_VERSION).then((served) => served ?? []),
  );
  const isServed = !isUnknown(resources) && resources.length > 0;
  const commands = [...operators.map(removalOf), ...(isServed ? [`kubectl delete crd ${crd}`] : [])];
  return commands.length === 0
    ? ''
    : `to remove the rest:\n${commands.map((each) => `  ${printable(each)}\n`).join('')}`;
}

function removalOf({ namespace, installedBy: by }: OperatorDeployment): string {
  switch (by.tool) {
    case 'Helm':
      return `helm uninstall ${by.name} --namespace ${namespace}`;
    case 'Argo CD':
      return `argocd app delete ${by.name}`;
    case 'kubectl':
      return 'kubectl delete -k config/default';
  }
}
