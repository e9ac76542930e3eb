/** Says in a line for pods, and a few for nodes, what manifests do. */
import type { Overview } from '../compiler/namespaces/overview.ts';
import { listed } from '../compiler/nodes/listed.ts';
import type { NodesSummary } from '../compiler/types.ts';
import { UNKNOWN, type Known } from '../inventory/known.ts';

export interface Summary {
  readonly pods?: Overview | undefined;
  readonly nodes?: NodesSummary | undefined;
}

export const summaryLines = ({ pods, nodes }: Summary): readonly string[] => [
  ...(pods === undefined ? [] : [`pods: ${podsLine(pods)}`]),
  ...(nodes === undefined ? [] : nodesLines(nodes).map((line) => `nodes: ${line}`)),
];

const DENY: Readonly<Record<Overview['deny'], string>> = {
  Both: '',
  Ingress: ' for ingress alone',
  Egress: ' for egress alone',
  None: ' for guardrails alone (defaults.deny is None)',
};

function podsLine({ deny, enforced, observed, exempt, withoutRule }: Overview): string {
  const closed = deny === 'None' ? [] : [`${counted(withoutRule)} of these closed without a rule`];
  return [
    `${enforced.length === 1 ? '1 namespace' : `${String(enforced.length)} namespaces`} enforced${DENY[deny]}`,
    ...closed,
    `${counted(observed)} observed`,
    `${counted(exempt)} exempt`,
  ].join('; ');
}

const counted = (names: readonly string[]): string =>
  names.length === 0 ? '0' : `${String(names.length)} (${listed(names)})`;

function nodesLines(summary: NodesSummary) {
  const { mode, endpoints, selected, unsupported = [], failsafesOpen, failsafesWaitFor, notes } = summary;
  if (mode === 'Disabled') return ['Disabled'];
  const where = selected === UNKNOWN ? 'nodes that are not known' : counted(selected);
  const kind = endpoints === UNKNOWN ? [] : [`host endpoints: ${endpoints}`];
  const open = failsafesOpen.length === 0 ? 'none' : failsafesOpen.join(', ');
  return [
    [`${mode} on ${where}`, ...kind, `${failsafesTitle(summary)}: ${open}`].join('; '),
    ...(unsupported.length === 0
      ? []
      : [
          `Calico has no host endpoints on ${listed(unsupported)} (Windows, virtual nodes), which stay open: leave them out by nodes.nodeSelector`,
        ]),
    ...(failsafesWaitFor === undefined ? [] : [`failsafes are not narrowed: ${failsafesWaitFor}`]),
    ...notes,
  ];
}

/** The operator narrows them when every node is enforced. Until then they are open to everybody. */
const failsafesTitle = ({ mode, failsafes }: NodesSummary): string =>
  failsafes !== undefined && mode === 'Enforce'
    ? 'failsafes that are open whatever rules say, until failsafes: Managed narrows them'
    : 'failsafes that stay open whatever rules say';

/** For JSON, where what is not known is absent. */
export const summaryFields = ({ pods, nodes }: Summary) => ({
  pods,
  nodes: nodes && {
    mode: nodes.mode,
    endpoints: known(nodes.endpoints),
    selected: known(nodes.selected),
    unsupported: nodes.unsupported,
    failsafesOpen: nodes.failsafesOpen,
    failsafesWaitFor: nodes.failsafesWaitFor,
    blocked: nodes.blocked,
    notes: nodes.notes,
  },
});

const known = <T>(value: Known<T>): T | undefined => (value === UNKNOWN ? undefined : value);
