import { expect, test } from '@jest/globals';
import type { ClusterFirewall } from '../api/schema.ts';
import { rulePath } from './rule-path.ts';
import { ruleId } from './names.ts';

const firewall: ClusterFirewall = {
  metadata: { name: 'default' },
  spec: {
    mode: 'Enforce',
    peers: [{ name: 'office', cidrs: ['198.51.100.0/24'] }],
    guardrails: [{ name: 'no-corp', pods: {}, to: [{ entity: 'World' }], ports: ['All'] }],
    nodes: {
      mode: 'Enforce',
      blocked: [{ ipBlock: { cidr: '192.0.2.0/24' } }],
      zones: [
        { name: 'web', from: [{ entity: 'World' }], allow: { services: ['https'] } },
        { name: 'office', from: [{ peer: 'office' }], allow: { all: true } },
      ],
    },
    namespaces: [
      { name: 'a', namespaces: ['a'] },
      {
        name: 'b',
        namespaces: ['b'],
        egress: [{ name: 'smtp', pods: {}, to: [{ entity: 'World' }], ports: [587] }],
      },
      {
        name: 'nodes',
        namespaces: ['c'],
        ingress: [{ name: 'web', pods: {}, from: [{ entity: 'World' }], ports: [443] }],
      },
    ],
  },
};

test.each([
  ['default/b/egress/smtp', 'spec.namespaces[1].egress[0]'],
  ['default/b/egress/gone', 'spec.namespaces[1].egress'],
  ['default/b/isolation', 'spec.namespaces[1]'],
  ['default/guardrails/no-corp', 'spec.guardrails[0]'],
  ['default/peers/office', 'spec.peers[0]'],
  ['default/defaults/deny', 'spec.defaults'],
  ['default/nodes', 'spec'],
  ['default/nodes/zones/office', 'spec.nodes.zones[1]'],
  ['default/nodes/zones/gone', 'spec.nodes.zones'],
  ['default/nodes/blocked', 'spec.nodes.blocked'],
  ['default/nodes/baseline/etcd', 'spec.nodes'],
  ['default/nodes/ingress/web', 'spec.namespaces[2].ingress[0]'],
  ['default', 'spec'],
])('%s stands at %s', (rule, path) => {
  expect(rulePath(firewall, ruleId(rule))).toBe(path);
});
