import { describe, expect, test } from '@jest/globals';
import { runCommand, temporaryFiles } from './testing.ts';

const file = temporaryFiles();

const firewall = (assertion: string, spec = ''): string => `
apiVersion: clusterfirewall.io/v1alpha1
kind: ClusterFirewall
metadata: { name: default }
spec:
  mode: Observe
  namespaces:
    - name: shop
      namespaces: [shop]
      ingress:
        - { name: db, pods: { matchLabels: { app: db } }, from: [{ pods: { podSelector: { matchLabels: { app: web } } } }], ports: [5432] }
        - { name: lb, pods: { matchLabels: { app: web } }, from: [{ entity: World }], ports: [8080] }
${spec}
  assertions:
    - { name: it, ${assertion} }
`;

const CLUSTER = `
apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: Namespace, metadata: { name: shop } }
  - { apiVersion: v1, kind: Namespace, metadata: { name: blog } }
  - { apiVersion: v1, kind: Node, metadata: { name: a, labels: { role: edge } }, status: { addresses: [{ type: InternalIP, address: 10.0.0.1 }] } }
  - { apiVersion: v1, kind: Node, metadata: { name: b }, status: { addresses: [{ type: InternalIP, address: 10.0.0.2 }] } }
  - apiVersion: projectcalico.org/v3
    kind: IPPool
    metadata: { name: pods }
    spec: { cidr: 192.168.0.0/16, natOutgoing: true }
  - apiVersion: v1
    kind: Service
    metadata: { name: db, namespace: shop }
    spec: { clusterIP: 10.96.0.7, selector: { app: db }, ports: [{ port: 80, targetPort: 5432 }, { name: admin, port: 81, targetPort: admin }] }
  - apiVersion: v1
    kind: Service
    metadata: { name: headless, namespace: shop }
    spec: { clusterIP: None, selector: { app: db }, ports: [{ port: 5432, targetPort: 5432 }] }
  - { apiVersion: v1, kind: Service, metadata: { name: bare, namespace: shop }, spec: { clusterIP: 10.96.0.8, ports: [{ port: 80 }] } }
`;
const web = 'from: { pod: { namespace: shop, labels: { app: web } } }';
const other = 'from: { pod: { namespace: blog, labels: { app: web } } }';
const db = 'to: { pod: { namespace: shop, labels: { app: db } } }';

async function validate(
  assertion: string,
  { spec, cluster = CLUSTER }: { spec?: string; cluster?: string } = {},
) {
  const ran = await runCommand([
    'validate',
    file('firewall.yaml', firewall(assertion, spec)),
    '--inventory',
    file('cluster.yaml', cluster),
  ]);
  const said = ran.stderr.split('\n').find((line) => line.includes('the assertion it'));
  return { exitCode: ran.exitCode, said: said?.replace(/^.*the assertion it /, '') };
}

describe('validate evaluates assertions', () => {
  test.each([
    ['a rule', `${web}, ${db}, ports: [5432], expect: Allowed`],
    ['no rule', `${other}, ${db}, ports: [5432, 53/UDP], expect: Denied`],
    [
      'a Service, by its own port',
      `${web}, to: { service: { namespace: shop, name: db } }, ports: [80], expect: Allowed`,
    ],
    [
      'a Service that others may not reach',
      `${other}, to: { service: { namespace: shop, name: db } }, ports: [80], expect: Denied`,
    ],
    [
      'a headless Service',
      `${web}, to: { service: { namespace: shop, name: headless } }, ports: [5432], expect: Allowed`,
    ],
    [
      'the outside',
      `from: { address: 203.0.113.7 }, to: { pod: { namespace: shop, labels: { app: web } } }, ports: [8080], expect: Allowed`,
    ],
    ['a node', `${other}, to: { node: { name: b } }, ports: [22], expect: Denied`],
    ['every node', `from: { node: { labels: { role: edge } } }, ${db}, ports: [22], expect: Denied`],
    [
      'a node to a Service',
      `from: { node: { name: b } }, to: { service: { namespace: shop, name: db } }, ports: [80], expect: Denied`,
    ],
    [
      'a namespace that does not exist',
      `from: { pod: { namespace: new, labels: {}, namespaceLabels: { a: b } } }, ${db}, ports: [5432], expect: Denied`,
    ],
  ])('it holds: %s', async (_, assertion) => {
    expect(await validate(assertion)).toEqual({ exitCode: 0, said: undefined });
  });

  test.each([
    [
      'allowed by a rule',
      `${web}, ${db}, ports: [5432], expect: Denied`,
      'fails: shop/[app=web] to shop/[app=db], 5432/TCP is Allowed, not Denied: allowed by the rule default/shop/ingress/db (pod ingress)',
    ],
    [
      'closed by the default deny',
      `${other}, ${db}, ports: [5432], expect: Allowed`,
      'fails: blog/[app=web] to shop/[app=db], 5432/TCP is Denied, not Allowed: no rule allows it, and the default deny closes the pod (pod egress)',
    ],
    [
      'one port of two',
      `${web}, ${db}, ports: [5432, 22], expect: Allowed`,
      'fails: shop/[app=web] to shop/[app=db], 22/TCP is Denied, not Allowed: no rule allows it, and the default deny closes the pod (pod egress)',
    ],
  ])('it fails: %s', async (_, assertion, said) => {
    expect(await validate(assertion)).toEqual({ exitCode: 1, said });
  });

  test.each([
    [
      'a Service that does not exist',
      `${web}, to: { service: { namespace: shop, name: x } }, ports: [80], expect: Denied`,
      'there is no Service shop/x',
    ],
    [
      'a port that the Service lacks',
      `${web}, to: { service: { namespace: shop, name: db } }, ports: [82], expect: Denied`,
      'service shop/db has no port 82/TCP',
    ],
    [
      'a named target port',
      `${web}, to: { service: { namespace: shop, name: db } }, ports: [81], expect: Denied`,
      'the port 81/TCP of service shop/db leads to the named port admin, whose number is not known',
    ],
    [
      'a Service without a selector',
      `${web}, to: { service: { namespace: shop, name: bare } }, ports: [80], expect: Denied`,
      'the Service shop/bare has no selector, so its pods are not known',
    ],
    [
      'a Node that does not exist',
      `${web}, to: { node: { name: c } }, ports: [80], expect: Denied`,
      'there is no Node c',
    ],
    [
      'labels of no Node',
      `${web}, to: { node: { labels: { role: x } } }, ports: [80], expect: Denied`,
      'no Node has these labels',
    ],
    [
      'two ends outside',
      `from: { address: 203.0.113.7 }, to: { address: 203.0.113.8 }, ports: [80], expect: Denied`,
      'neither end is in the cluster: one of them must be a pod, a node or a Service',
    ],
  ])('it is Unknown: %s', async (_, assertion, because) => {
    expect(await validate(assertion)).toEqual({ exitCode: 3, said: `is Unknown: ${because}` });
  });

  test('a namespace that is neither known nor described is a problem of the manifest', async () => {
    const from = 'from: { pod: { namespace: new, labels: {} } }';
    expect(await validate(`${from}, ${db}, ports: [80], expect: Denied`)).toMatchObject({ exitCode: 1 });
  });

  test('a policy of others counts', async () => {
    const open = `
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: { name: open, namespace: shop }
    spec: { podSelector: {}, ingress: [{}], egress: [{}], policyTypes: [Ingress, Egress] }
`;
    const closed = `${web}, to: { pod: { namespace: shop, labels: { app: web } } }, ports: [22], expect: Denied`;
    expect(await validate(closed)).toMatchObject({ exitCode: 0 });
    const { exitCode, said } = await validate(closed, { cluster: CLUSTER + open });
    expect(exitCode).toBe(1);
    expect(said).toContain('allowed by NetworkPolicy shop/open');
  });

  test('a node between whose rules and the source there is no other is not asked about itself', async () => {
    const itself = 'from: { node: { name: b } }, to: { node: { name: b } }, ports: [22], expect: Denied';
    expect(await validate(itself)).toMatchObject({ exitCode: 3 });
  });

  test('the stored default is asked when another ClusterFirewall is validated', async () => {
    const team = firewall(`${other}, ${db}, ports: [5432], expect: Denied`)
      .replace('name: default', 'name: team')
      .replace(/ {2}assertions[\s\S]*/, '');
    const stored = firewall(`${other}, ${db}, ports: [5432], expect: Allowed`)
      .replaceAll('\n', '\n    ')
      .replace('    apiVersion', '  - apiVersion');
    const ran = await runCommand([
      'validate',
      file('team.yaml', team),
      '--inventory',
      file('stored.yaml', CLUSTER + stored),
    ]);
    expect(ran.stderr).toContain('the assertion it fails');
    expect(ran.exitCode).toBe(1);
  });
});
