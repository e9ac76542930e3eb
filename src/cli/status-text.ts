/** The output of `status`: the operator, firewalls, what is wrong with them, namespaces and nodes. */
import { isUnknown, knownList } from '../inspect/answer.ts';
import { unknownsOf, type ClusterStatus, type OperatorLook } from '../inspect/cluster-status.ts';
import type { FirewallStanding } from '../inspect/firewalls.ts';
import type { NamespaceStanding } from '../inspect/namespaces.ts';
import type { NodeStanding } from '../inspect/nodes.ts';
import { duration, minuteOf } from './ago.ts';
import { columns, paragraph } from './columns.ts';
import { printable } from './printable.ts';

export function statusText(status: ClusterStatus): string {
  const { operator, firewalls, namespaces, nodes } = status;
  const stale = isUnknown(operator) || operator.stale;
  const standing = knownList(firewalls);
  return [
    isUnknown(operator) ? '' : operatorText(operator),
    standing.length === 0
      ? ''
      : columns([FIREWALL_HEAD, ...standing.map((each) => firewallRow(each, stale))]),
    standing.flatMap(remarks).join(''),
    isUnknown(namespaces) ? '' : namespacesText(namespaces),
    isUnknown(nodes) || nodes.length === 0 ? '' : columns([NODE_HEAD, ...nodes.map(nodeRow)]),
    unknownsOf(status)
      .map((why) => paragraph(`not known: ${printable(why)}`))
      .join(''),
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function operatorText({ lease, age, stale }: OperatorLook): string {
  if (lease === undefined || age === undefined)
    return paragraph(
      `NO OPERATOR HAS EVER LOOKED: it has no Lease here. Calico goes on with what is stored, and no change is carried out.`,
    );
  const where = printable(lease.namespace);
  if (stale)
    return paragraph(
      `NO OPERATOR HAS LOOKED FOR ${duration(age).toUpperCase()}: Calico goes on with what is stored, and no change is carried out. READY is as it was then. See: kubectl -n ${where} get pods`,
    );
  const holder =
    lease.holder === '' ? 'none leads at the moment' : printable(lease.holder.replace(/_.*$/, ''));
  return paragraph(`operator: ${holder} in ${where}, last seen ${duration(age)} ago`);
}

const FIREWALL_HEAD = ['CLUSTERFIREWALL', 'MODE', 'READY', 'POLICIES', 'GENERATION'];

function firewallRow(standing: FirewallStanding, stale: boolean): readonly string[] {
  const { name, mode, generation, observedGeneration, deleting, conditions, status } = standing;
  const ready = conditions.find(({ type }) => type === 'Ready')?.status ?? '-';
  const seen = observedGeneration < 0 ? 'none' : String(observedGeneration);
  return [
    printable(name),
    printable(mode),
    deleting ? 'deleting' : stale ? `was ${ready}` : ready,
    status?.policies?.summary ?? '-',
    observedGeneration >= generation ? String(generation) : `${String(generation)}, seen: ${seen}`,
  ];
}

/** Objects of others that a few lines name. */
const NAMED = 3;

function remarks({ name, conditions, status, deleting }: FirewallStanding): readonly string[] {
  const told = new Map(
    conditions
      .filter(({ type, status: its }) => type !== 'Ready' || its !== 'True')
      .map(({ type, reason, message }) => [message, `${type} (${reason}): ${message}`]),
  );
  const foreign = (status?.foreign ?? []).filter(({ accepted }) => accepted !== true);
  const count = status?.foreignCount?.open ?? foreign.length;
  const { policies = 0, namespaces = 0 } = status?.namespacePolicies ?? {};
  const lines = [
    ...(deleting ? ['it is being deleted: the operator ends that, or `clusterfirewall uninstall`'] : []),
    ...told.values(),
    ...foreign.slice(0, NAMED).map(({ object, opens }) => `${object} may open ${opens}`),
    ...(count > NAMED ? [`${String(count - NAMED)} more objects of others may open something`] : []),
    ...(policies > 0
      ? [`${String(policies)} NetworkPolicies of ${String(namespaces)} namespaces allow something there`]
      : []),
  ];
  return lines.map((line) => paragraph(printable(`${name}: ${line}`)));
}

function namespacesText(namespaces: readonly NamespaceStanding[]): string {
  const count = (wanted: string) => namespaces.filter(({ state }) => state === wanted).length;
  const counts = ['enforced', 'observed', 'exempt', 'open']
    .filter((state) => count(state) > 0)
    .map((state) => `${String(count(state))} ${state}`);
  const head = `namespaces: ${counts.length === 0 ? 'none' : counts.join(', ')}\n`;
  return namespaces.length === 0 ? head : head + columns([NAMESPACE_HEAD, ...namespaces.map(namespaceRow)]);
}

const NAMESPACE_HEAD = ['NAMESPACE', 'STATE', 'SINCE (UTC)', 'BY'];

function namespaceRow({
  name,
  state,
  only,
  wanted,
  since,
  groups,
  exemptBy,
}: NamespaceStanding): readonly string[] {
  const by = [
    ...(wanted === undefined ? [] : [`wanted: ${wanted};`]),
    ...(exemptBy === undefined ? [] : [exemptBy]),
    groups.join(', '),
  ];
  return [
    printable(name),
    only === undefined ? state : `${state}: ${only}`,
    minuteOf(since),
    printable(by.filter((each) => each !== '').join(' ')),
  ];
}

const NODE_HEAD = ['NODE', 'STATE', 'SINCE (UTC)'];

const nodeRow = ({ name, state, since }: NodeStanding): readonly string[] => [
  printable(name),
  state,
  minuteOf(since),
];
