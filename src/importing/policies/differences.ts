/** Traffic that a ClusterFirewall judges differently than policies, on purpose. */
import { type Difference, placeOf, type SourceLine } from '../result.ts';

interface Facts {
  readonly deny: 'Both' | 'Ingress' | 'Egress';
  /** System namespaces that policies may select, so that they are no longer exempt. */
  readonly touched: readonly string[];
  /** True where policies select every pod, in both directions. */
  readonly everyPod: boolean;
  readonly narrowed: readonly SourceLine[];
  readonly oneFamily: readonly SourceLine[];
  readonly ambiguous: readonly SourceLine[];
  /** Rules that deny pods by labels, which network sets may have. */
  readonly denyLabels: readonly SourceLine[];
  /** Policies that may select host endpoints. */
  readonly hosts: readonly SourceLine[];
  readonly knowsRanges: boolean;
}

const ALWAYS: readonly Difference[] = [
  {
    what: 'DNS',
    before: 'as the policies say',
    after: 'open to every pod (`defaults.dns`)',
  },
  {
    what: 'calls of the API server to webhooks and aggregated APIs',
    before: 'as the policies say',
    after: 'open (`defaults.apiServerToPods`)',
  },
  {
    what: "the cloud's metadata API",
    before: 'as the policies say',
    after: 'closed to every pod (`defaults.metadataAPI`)',
  },
];

/** In the order in which people should read them. */
export const differencesOf = (facts: Facts): readonly Difference[] => [
  ...(facts.everyPod ? [] : [unselected(facts)]),
  ...ALWAYS,
  ...(facts.touched.length === 0
    ? [
        {
          what: 'system namespaces',
          before: 'selected by no policy',
          after: "exempt, as is the operator's own namespace",
        },
      ]
    : [
        {
          what: "the operator's own namespace",
          before: 'as the policies say',
          after: 'exempt',
        },
        {
          what: `namespaces ${facts.touched.join(', ')}`,
          before: 'selected by policies',
          after: 'under the default deny (`exempt.systemNamespaces: None`)',
        },
      ]),
  ...row(facts.narrowed, {
    what: 'flows that one policy allows and another closes at the other end',
    before: 'closed',
    after: 'closed: a rule names only what both ends allow',
  }),
  ...row(facts.oneFamily, {
    what: 'flows between pods over one IP family alone',
    before: 'as the policies say',
    after: 'closed: a rule opens both families. Say --ipv4-only if the cluster has no IPv6',
  }),
  ...row(facts.ambiguous, {
    what: 'pods and nodes with an address of a rule',
    before: 'part of the range, or perhaps',
    after: `not meant by addresses${facts.knowsRanges ? '' : ': give --pods and --nodes with their ranges'}`,
  }),
  ...row(facts.denyLabels, {
    what: 'addresses whose network sets may have labels that a rule denies',
    before: 'as the labels say',
    after: 'all addresses stay closed to these pods',
  }),
  ...row(facts.hosts, {
    what: 'host endpoints with the labels of a policy',
    before: 'as the policies say',
    after: 'nodes are left alone: `spec.nodes` is for them',
  }),
];

const unselected = ({ deny }: Facts): Difference => ({
  what: 'pods that no policy selects, in one direction or both',
  before: 'open',
  after:
    deny === 'Both'
      ? 'closed in both directions, unless a rule names the flow'
      : `closed for ${deny.toLowerCase()}, unless a rule names the flow`,
});

/** Without lines there is nothing to say. */
function row(lines: readonly SourceLine[], difference: Difference): readonly Difference[] {
  if (lines.length === 0) return [];
  const places = [...new Set(lines.map(placeOf))];
  const more = places.length > 5 ? ` and ${String(places.length - 5)} more` : '';
  const some = `${places.slice(0, 5).join(', ')}${more}`;
  return [{ ...difference, before: `${difference.before}: ${some}` }];
}
