/** Every place of a spec that has a label selector, and keys and values to try there. */
import fc from 'fast-check';

/** A spec, valid but for what the selector in it may lack. */
type SpecWith = (selector: object) => object;

const group = (fields: object) => ({ namespaces: [{ name: 'g', namespaces: ['a'], ...fields }] });
const inRule = (list: string, fields: object) =>
  group({ [list]: [{ name: 'r', pods: {}, from: [{ entity: 'World' }], ports: ['All'], ...fields }] });
const inEgress = (fields: object) =>
  group({ egress: [{ name: 'r', pods: {}, to: [{ entity: 'World' }], ports: ['All'], ...fields }] });
const inConnection = (fields: object) =>
  group({ connections: [{ name: 'r', fromPods: {}, toPods: {}, ports: ['All'], ...fields }] });
const inGuardrail = (fields: object) => ({
  guardrails: [{ name: 'r', pods: {}, to: [{ entity: 'World' }], ports: ['All'], ...fields }],
});
const inGuardrailFrom = (source: object, field = 'from') => ({
  guardrails: [{ name: 'r', pods: {}, [field]: [source], ports: ['All'] }],
});
const inPeer = (pods: object) => ({ peers: [{ name: 'p', pods }] });

const places: Readonly<Record<string, SpecWith>> = {
  'spec.peers[].pods.namespaceSelector': (namespaceSelector) => inPeer({ namespaceSelector }),
  'spec.peers[].pods.podSelector': (podSelector) => inPeer({ namespaceSelector: {}, podSelector }),
  'spec.defaults.exempt.namespaceSelector': (namespaceSelector) => ({
    defaults: { exempt: { namespaceSelector } },
  }),
  'spec.defaults.dns.namespaceSelector': (namespaceSelector) => ({
    defaults: { dns: { namespaceSelector } },
  }),
  'spec.defaults.dns.podSelector': (podSelector) => ({ defaults: { dns: { podSelector } } }),
  'spec.peers[].nodes': (nodes) => ({ peers: [{ name: 'p', nodes }] }),
  ...Object.fromEntries(
    ['from', 'onlyFrom', 'onlyTo'].flatMap((field): [string, SpecWith][] => [
      [`spec.guardrails[].${field}[].nodes`, (nodes) => inGuardrailFrom({ nodes }, field)],
      [
        `spec.guardrails[].${field}[].pods.namespaceSelector`,
        (namespaceSelector) => inGuardrailFrom({ pods: { namespaceSelector } }, field),
      ],
      [
        `spec.guardrails[].${field}[].pods.podSelector`,
        (podSelector) => inGuardrailFrom({ pods: { podSelector } }, field),
      ],
    ]),
  ),
  'spec.guardrails[].to[].nodes': (nodes) => inGuardrail({ to: [{ nodes }] }),
  'spec.namespaces[].egress[].to[].nodes': (nodes) => inEgress({ to: [{ nodes }] }),
  'spec.guardrails[].pods.namespaceSelector': (namespaceSelector) =>
    inGuardrail({ pods: { namespaceSelector } }),
  'spec.guardrails[].pods.podSelector': (podSelector) => inGuardrail({ pods: { podSelector } }),
  'spec.guardrails[].to[].pods.namespaceSelector': (namespaceSelector) =>
    inGuardrail({ to: [{ pods: { namespaceSelector } }] }),
  'spec.guardrails[].to[].pods.podSelector': (podSelector) =>
    inGuardrail({ to: [{ pods: { podSelector } }] }),
  'spec.namespaces[].namespaceSelector': (namespaceSelector) => ({
    namespaces: [{ name: 'g', namespaceSelector }],
  }),
  ...Object.fromEntries(
    ['ingress', 'metrics'].flatMap((list): [string, SpecWith][] => [
      [`spec.namespaces[].${list}[].pods`, (pods) => inRule(list, { pods })],
      [
        `spec.namespaces[].${list}[].from[].pods.namespaceSelector`,
        (namespaceSelector) => inRule(list, { from: [{ pods: { namespaceSelector } }] }),
      ],
      [
        `spec.namespaces[].${list}[].openAt.nodeSelector`,
        (nodeSelector) => inRule(list, { nodePorts: [30080], openAt: { nodeSelector } }),
      ],
      [`spec.namespaces[].${list}[].from[].nodes`, (nodes) => inRule(list, { from: [{ nodes }] })],
      [
        `spec.namespaces[].${list}[].from[].pods.podSelector`,
        (podSelector) => inRule(list, { from: [{ pods: { podSelector } }] }),
      ],
    ]),
  ),
  'spec.namespaces[].connections[].fromPods': (fromPods) => inConnection({ fromPods }),
  'spec.namespaces[].connections[].toPods': (toPods) => inConnection({ toPods }),
  'spec.namespaces[].egress[].pods': (pods) => inEgress({ pods }),
  'spec.namespaces[].egress[].to[].pods.namespaceSelector': (namespaceSelector) =>
    inEgress({ to: [{ pods: { namespaceSelector } }] }),
  'spec.namespaces[].egress[].to[].pods.podSelector': (podSelector) =>
    inEgress({ to: [{ pods: { podSelector } }] }),
  'spec.nodes.nodeSelector': (nodeSelector) => ({ nodes: { mode: 'Observe', nodeSelector } }),
  'spec.nodes.zones[].nodeSelector': (nodeSelector) => ({
    nodes: {
      mode: 'Observe',
      zones: [{ name: 'z', from: [{ entity: 'World' }], allow: { all: true }, nodeSelector }],
    },
  }),
};

export const SELECTOR_PLACES: readonly (readonly [string, SpecWith])[] = Object.entries(places);

/** A ClusterFirewall with the selector at that place. */
export const firewallWith = (specWith: SpecWith, selector: object) => ({
  apiVersion: 'clusterfirewall.io/v1alpha1',
  kind: 'ClusterFirewall',
  metadata: { name: 'default' },
  spec: { mode: 'Enforce', ...specWith(selector) },
});

/** `{}` with a property of any name, `__proto__` included, as JSON.parse makes it. */
export const labels = (key: string, value: string): object => Object.fromEntries([[key, value]]);

const edges = fc.constantFrom(
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '0', '-1', 'NaN'],
  ...['', '/', 'a/', '/a', 'a/b/c', 'A/b', 'a./b', '.a/b', 'a..b/c', 'a-/b', '-a/b', 'a_b/c', 'a/-b', 'a/b-'],
  ...['a b', 'a\n', '\na', 'a\u0000', 'ä', 'ａ', 'a"', "a'", 'a)||all()', 'a\u2028', '\u202ea', '😀'],
  ...[63, 64].flatMap((length) => ['a'.repeat(length), `x/${'a'.repeat(length)}`]),
  ...[253, 254].flatMap((length) => [
    `${'a'.repeat(length)}/b`,
    `${'a.'.repeat(126)}${'a'.repeat(length - 252)}/b`,
  ]),
);
const alphabet = fc.string({ unit: fc.constantFrom('a', 'B', '0', '-', '_', '.', '/'), maxLength: 8 });

/** Keys and values of labels, about half of them valid. */
export const labelText = fc.oneof(edges, alphabet, fc.string({ unit: 'binary', maxLength: 6 }));
