/** Words in rules, groups, peers and in spec itself. */
import { type Entry, RULES } from './entry.ts';

const RULE_OF_GROUP =
  'rules stand in a group of namespaces: spec.namespaces: [{ name: …, namespaces: […], ingress: [{ name: …, pods: {…}, from: […], ports: […] }] }]';

export const PODS: readonly Entry[] = [
  {
    words: 'podselector selector endpointselector appliedto subject topods target targets',
    places: ['rule', 'guardrail'],
    besides: 'pods',
    say: 'pods of the group are selected by pods: { matchLabels: {…} }, and the other end stands in from or to',
  },
  {
    words: 'frompods',
    places: ['rule'],
    say: 'that is a field of connections; here sources stand in from: [{ pods: { podSelector: {…} } }]',
  },
  {
    words: 'podselector selector from to pods source destination',
    places: ['connection'],
    say: 'a connection inside a namespace has fromPods and toPods; other ends stand in the rules of ingress and egress',
  },
  {
    words: 'from fromendpoints fromcidr fromcidrset fromentities',
    places: ['rule', 'guardrail'],
    besides: 'to',
    say: 'this rule is about what its pods open, and names destinations in to: write a rule of ingress for sources',
  },
  {
    words: 'to toendpoints tocidr tocidrset toentities tofqdns',
    places: ['rule'],
    besides: 'from',
    say: 'this rule is about what its pods accept, and names sources in from: write a rule of egress for destinations',
  },
  {
    words:
      'fromendpoints fromcidr fromcidrset fromentities fromnodes source sources peer peers ipblock cidr cidrs entity entities',
    places: ['rule'],
    besides: 'from',
    say: 'sources are one list: from: [{ peer: … }, { ipBlock: { cidr: … } }, { pods: {…} }, { entity: … }]',
  },
  {
    words:
      'toendpoints tocidr tocidrset toentities tonodes toservices destination destinations peer peers ipblock cidr cidrs entity entities service services',
    places: ['rule', 'guardrail'],
    besides: 'to',
    say: 'destinations are one list: to: [{ peer: … }, { ipBlock: { cidr: … } }, { pods: {…} }, { entity: … }]',
  },
  {
    words: 'namespaceselector namespace namespaces',
    places: RULES,
    say: 'a rule is about the pods of its group, which has namespaces or namespaceSelector; for the other end write pods: { namespaceSelector: {…} } in from or to',
  },
  {
    words:
      'port protocol endport toports portrange portranges destinationport destinationports dport targetport',
    places: [...RULES, 'guardrail', 'allow'],
    besides: 'ports',
    say: 'ports are one list, each with its protocol: ports: [80, 8000-8100, 53/UDP]',
  },
  {
    words: 'notports',
    places: [...RULES, 'guardrail', 'allow'],
    say: 'ports are not negated here: list the ranges that are meant, as ports: [1-21, 23-65535]',
  },
  {
    words: 'icmp icmps icmptype icmptypes icmpv6 icmpv4 noticmp',
    places: [...RULES, 'guardrail'],
    say: 'ICMP of both families is one port, without types: ports: [ICMP]',
  },
  {
    words: 'podselector selector endpointselector appliedto matchlabels labels',
    places: ['group'],
    say: 'a group is about namespaces: select pods in each of its rules, as pods: { matchLabels: {…} }',
  },
  {
    words: 'allnamespaces everynamespaces clusterwide',
    places: ['group'],
    say: 'every namespace that is not exempt is everyNamespace: true',
  },
  {
    words: 'namespaces namespace',
    places: ['defaults'],
    besides: 'names',
    say: 'namespaces are listed in names: [NAME], or selected by namespaceSelector',
  },
  {
    words: 'from to ports pods rules allow',
    places: ['group'],
    say: 'that stands in a rule of the group: ingress: [{ name: …, pods: {…}, from: […], ports: […] }]',
  },
  {
    words:
      'podselector selector endpointselector appliedto subject ingress egress metrics connections rules from to ports allow',
    places: ['spec'],
    say: RULE_OF_GROUP,
  },
  {
    words:
      'zones zone services service blocked breakglass failsafes nodecidrs hostendpoints baseline extraaddresses nodeselector hostports',
    places: ['spec'],
    say: 'that is a field of spec.nodes: write it there',
  },
  {
    words: 'dns exempt exclude excludenamespaces metadataapi apiservertopods podstoapiserver defaultdeny',
    places: ['spec'],
    say: 'that is a field of spec.defaults: write it there',
  },
  {
    words: 'podselector namespaceselector selector namespace namespaces matchlabels',
    places: ['peer'],
    say: 'selectors of a peer stand below pods: { name: …, pods: { namespaceSelector: {…}, podSelector: {…} } }',
  },
  {
    words: 'except notcidrs',
    places: ['peer'],
    say: 'a peer has whole ranges: list the ranges that are meant in cidrs, or write ipBlock with except where it is used',
  },
  {
    words: 'cidr ipblock ip ips address addresses net nets networks subnets sources entries ipset',
    places: ['peer'],
    say: 'the addresses of a peer are a list: cidrs: [198.51.100.0/24]',
  },
  {
    words: 'entity entities',
    places: ['peer'],
    say: 'an entity has its name already: write { entity: … } where the peer would be used',
  },
  {
    words: 'service services',
    places: ['peer'],
    say: 'policies see the pods behind a Service: write pods with the labels of its selector',
  },
];
