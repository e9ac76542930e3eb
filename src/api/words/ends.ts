/** Words in sources and destinations. */
import { type Entry, RULES } from './entry.ts';

const NEGATED =
  'nothing is negated here: write the whole range in ipBlock.cidr, and the part that is not meant in ipBlock.except';

export const ENDS: readonly Entry[] = [
  {
    words: 'podselector namespaceselector',
    places: ['end'],
    besides: 'pods',
    say: 'selectors of a source or destination stand below pods: { pods: { namespaceSelector: {…}, podSelector: {…} } }',
  },
  {
    words: 'selector labels matchlabels matchexpressions endpointselector labelselector',
    places: ['end'],
    besides: 'pods',
    say: 'labels of pods stand below pods: { pods: { podSelector: { matchLabels: {…} } } }, with namespaceSelector for other namespaces',
  },
  {
    words: 'namespace namespaces',
    places: ['end', 'podsOfEnd'],
    besides: 'namespaceSelector',
    say: 'a namespace is named by its label: namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: NAME } }',
  },
  {
    words: 'namespace namespaces',
    places: ['end'],
    besides: 'pods',
    say: 'a namespace is named by its label: { pods: { namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: NAME } } } }',
  },
  {
    words:
      'pods pod podselector namespaceselector selector namespace namespaces labels matchlabels matchexpressions endpointselector labelselector',
    places: ['end'],
    say: 'pods are named here through a peer: spec.peers: [{ name: …, pods: {…} }], and { peer: … } in this list',
  },
  {
    words: 'selector labels matchlabels matchexpressions',
    places: ['podsOfEnd'],
    say: 'labels of pods stand below podSelector: { podSelector: { matchLabels: {…} } }',
  },
  {
    words: 'except',
    places: ['end'],
    say: 'it belongs into ipBlock, next to cidr: { ipBlock: { cidr: …, except: […] } }',
  },
  {
    words:
      'cidr cidrs ip ips ipaddress address addresses net nets network networks subnet ipset cidrblock fromcidr tocidr fromcidrset tocidrset cidrset cidrgroup source destination',
    places: ['end'],
    besides: 'ipBlock',
    say: 'addresses are written as { ipBlock: { cidr: 198.51.100.0/24 } }, one entry for each range, or as a peer with cidrs',
  },
  { words: 'notnets notcidr notcidrs not', places: ['end', 'peer', 'zone', 'ipBlock'], say: NEGATED },
  {
    words: 'notselector notpodselector',
    places: ['end', 'podsOfEnd', ...RULES],
    say: 'labels are negated in a selector: matchExpressions: [{ key: …, operator: NotIn, values: […] }]',
  },
  {
    words: 'entities fromentities toentities',
    places: ['end'],
    besides: 'entity',
    say: 'write one entry for each: { entity: World }, { entity: Nodes }',
  },
  {
    words:
      'ipblock entity entities fromentities toentities cidr cidrs ip ips ipaddress address addresses net nets network networks subnet ipset cidrblock fromcidr tocidr fromcidrset tocidrset cidrset cidrgroup source destination',
    places: ['end'],
    say: 'only some kinds of sources are named here: list addresses as cidrs of a peer in spec.peers, and write { peer: NAME }',
  },
  {
    words: 'services toservices service',
    places: ['end'],
    besides: 'service',
    say: 'a Service is written as { service: { namespace: …, name: … } }, with ports: [All]',
  },
  {
    words: 'service services toservices',
    places: ['end'],
    besides: 'pods',
    say: 'policies see the pods behind a Service: write pods with the labels of its selector, and the ports of these pods. The API server is { entity: KubeAPIServer }',
  },
  {
    words: 'service services',
    places: ['end'],
    say: 'only addresses, peers and entities are sources here: name the pods in a peer, and write { peer: … }',
  },
  {
    words: 'serviceaccount serviceaccounts serviceaccountname serviceaccountselector',
    places: ['end', 'guardrail'],
    besides: 'pods',
    say: 'accounts are a part of pods: { pods: { namespaceSelector: {…}, serviceAccounts: [NAME] } }',
  },
  {
    words: 'serviceaccount serviceaccounts serviceaccountname serviceaccountselector',
    places: ['peer'],
    say: 'accounts are a part of pods: { name: …, pods: { namespaceSelector: {…}, serviceAccounts: [NAME] } }',
  },
  {
    words: 'serviceaccount serviceaccountname serviceaccountnames serviceaccountselector',
    places: [...RULES, 'podsOfEnd'],
    besides: 'serviceAccounts',
    say: 'accounts are listed by name: serviceAccounts: [NAME]',
  },
  {
    words: 'serviceaccount serviceaccounts serviceaccountname serviceaccountnames serviceaccountselector',
    places: ['connection'],
    besides: 'fromServiceAccounts',
    say: 'accounts stand at each end: fromServiceAccounts: [NAME], toServiceAccounts: [NAME]',
  },
  {
    words: 'serviceaccount serviceaccounts serviceaccountname serviceaccountselector',
    places: ['end'],
    say: 'pods are named here through a peer, with their accounts: spec.peers: [{ name: …, pods: { namespaceSelector: {…}, serviceAccounts: [NAME] } }], and { peer: … } in this list',
  },
  {
    words: 'serviceaccount serviceaccounts serviceaccountname serviceaccountnames serviceaccountselector',
    places: ['labels'],
    say: 'only labels stand here: accounts are listed next to the selector of the pods, as serviceAccounts: [NAME], and in connections as fromServiceAccounts and toServiceAccounts',
  },
  {
    words: 'podselector nodeselector labelselector selector labels',
    places: ['labels'],
    say: 'labels stand here without a further selector: { matchLabels: {…} }',
  },
  {
    words: 'namespaceselector namespace namespaces',
    places: ['labels'],
    say: 'labels of one kind of object stand here: a rule is about the pods of its group, and in a source, destination or peer namespaceSelector stands next to podSelector',
  },
  {
    words: 'nodeselector node host hosts fromnodes tonodes',
    places: ['end'],
    besides: 'nodes',
    say: 'nodes are selected by nodes: { nodes: { matchLabels: {…} } }',
  },
  {
    words: 'nodes nodeselector node fromnodes tonodes',
    places: ['end'],
    say: 'nodes are named here through a peer: spec.peers: [{ name: …, nodes: { matchLabels: {…} } }], and { peer: … } in this list',
  },
  {
    words: 'group groups ipgroup networkset addressgroup',
    places: ['end'],
    say: 'a named set of sources is a peer: list it in spec.peers, and write { peer: NAME }',
  },
  {
    words: 'port ports protocol notports',
    places: ['end'],
    say: 'ports stand next to the list, and hold for every entry of it: write a further rule for other ports',
  },
];
