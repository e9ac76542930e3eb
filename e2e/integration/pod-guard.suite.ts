/** config/pod-guard against a real API server: what it refuses, and that nothing else depends on it. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import path from 'node:path';
import type { StartedCluster } from '../cluster.ts';
import { KubectlError } from '../errors.ts';
import { waitFor } from '../wait.ts';

const GUARD = path.resolve(import.meta.dirname, '../../config/pod-guard');
const NAME = 'clusterfirewall-pod-guard';
const POD_IPS = 'cni.projectcalico.org/podIPs';
const ACCOUNT = 'projectcalico.org/serviceaccount';
/** Annotations from which Calico takes a pod's addresses, or that addresses are free again. */
const CLAIMS = [
  'cni.projectcalico.org/podIP',
  POD_IPS,
  'vpc.amazonaws.com/pod-ips',
  'cni.projectcalico.org/containerID',
  'cni.projectcalico.org/floatingIPs',
  'cni.projectcalico.org/ipAddrsNoIpam',
  'cni.projectcalico.org/allowedSourcePrefixes',
];
/** Annotations that only ask Calico's IPAM for a free address of a pool, or that are about no address. */
const REQUESTS = [
  'cni.projectcalico.org/ipAddrs',
  'cni.projectcalico.org/ipv4pools',
  'cni.projectcalico.org/ipv6pools',
  'cni.projectcalico.org/ipFamilies',
  'cni.projectcalico.org/hwAddr',
  'qos.projectcalico.org/ingressBandwidth',
];
const AMAZON = 'system:serviceaccount:kube-system:aws-node';
const NODE = 'worker';
const WITHIN = 60_000;

type Texts = Readonly<Record<string, string>>;
interface Metadata {
  readonly name?: string;
  readonly generateName?: string;
  readonly annotations?: Texts;
  readonly labels?: Texts;
}
interface Pod {
  readonly metadata: Metadata;
  readonly spec: { readonly nodeName?: string; readonly serviceAccountName?: string };
  readonly status: { readonly phase?: string };
}

/** Whatever makes or changes a pod, apart from pods/status. */
const RIGHTS = [
  {
    apiGroups: [''],
    resources: [
      'pods',
      'pods/binding',
      'pods/ephemeralcontainers',
      'pods/resize',
      'pods/eviction',
      'bindings',
    ],
    verbs: ['get', 'list', 'create', 'update', 'patch', 'delete'],
  },
  { apiGroups: ['apps'], resources: ['deployments', 'daemonsets'], verbs: ['create', 'delete', 'get'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list'] },
];

const CONTAINER = { name: 'c', image: 'none', resources: { requests: { cpu: '10m' } } };
const podOf = (metadata: Metadata, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { serviceAccountName: 'default', containers: [CONTAINER], ...spec },
});
const bindingOf = (metadata: Metadata) => ({
  apiVersion: 'v1',
  kind: 'Binding',
  metadata,
  target: { kind: 'Node', name: NODE },
});
const FORGED = { [POD_IPS]: '203.0.113.50/32' };
const drop = (what: string): string => `drop ${what} from the pod or its template`;
const REFUSED = drop(`annotation ${POD_IPS}`);

export const podGuard = (cluster: () => StartedCluster): void => {
  const admin = (args: readonly string[], object?: object): Promise<string> =>
    cluster().kubectl([...args, '--namespace', 'evil'], object && { input: JSON.stringify(object) });
  const tenant = (args: readonly string[], object?: object): Promise<string> =>
    admin([...args, '--as', 'tenant'], object);
  const create = ['create', '--filename', '-'];
  const dryRun = [...create, '--dry-run=server'];
  const stored = async (name: string): Promise<Pod> =>
    JSON.parse(await admin(['get', 'pod', name, '--output', 'json'])) as Pod;
  /** As Calico's CNI plugin does it: a strategic merge patch of pods/status (workloadendpoint.go). */
  const writeAsPlugin = (name: string, annotations: Texts): Promise<string> =>
    admin([
      'patch',
      'pod',
      name,
      '--subresource=status',
      '--patch',
      JSON.stringify({ metadata: { annotations } }),
    ]);
  const install = (): Promise<string> =>
    admin(['apply', '--server-side', '--force-conflicts', '--kustomize', GUARD]);
  const setParameter = (key: string, value: string): Promise<string> =>
    admin([
      'annotate',
      '--overwrite',
      'validatingadmissionpolicybinding',
      NAME,
      `clusterfirewall.io/${key}=${value}`,
    ]);

  /** The API server applies a policy a moment after it was written. An honest pod passes all the while. */
  async function forgedPodIs(answer: 'refused' | 'taken', reason = REFUSED, who = 'tenant'): Promise<void> {
    const refusedHonest: unknown[] = [];
    const look = async (): Promise<true | undefined> => {
      await tenant(dryRun, podOf({ name: 'honest' })).catch((error: unknown) => refusedHonest.push(error));
      const forged = admin([...dryRun, '--as', who], podOf({ name: 'forged', annotations: FORGED }));
      const seen = await forged.then(
        () => 'taken',
        (error: unknown) => {
          if (error instanceof KubectlError && error.stderr.includes(reason)) return 'refused';
          throw error;
        },
      );
      return seen === answer || undefined;
    };
    await waitFor(look, { what: `the forged pod of ${who} to be ${answer}`, within: WITHIN });
    expect(refusedHonest).toEqual([]);
  }

  /** Changes the guard, looks, and puts it back. */
  async function whileGuardIs(change: () => Promise<unknown>, look: () => Promise<void>): Promise<void> {
    await change();
    try {
      await look();
    } finally {
      await admin(['delete', '--kustomize', GUARD]);
      await forgedPodIs('taken');
      await install();
      await forgedPodIs('refused');
    }
  }

  beforeAll(async () => {
    await cluster().createNamespace('evil');
    await admin(create, { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'tenant' } };
    await admin(create, { ...role, rules: RIGHTS });
    const amazon = AMAZON.split(':').slice(2).join(':');
    const users = ['--user=tenant', `--serviceaccount=${amazon}`];
    await admin(['create', 'rolebinding', 'tenant', '--role=tenant', ...users]);
  }, WITHIN);

  describe('before the guard', () => {
    test('the documented command lists the pods that claim to be others', async () => {
      const withStatus = async (metadata: Metadata, status: object): Promise<void> => {
        await tenant(create, podOf(metadata));
        await admin([
          'patch',
          'pod',
          metadata.name ?? '',
          '--subresource=status',
          '--patch',
          JSON.stringify({ status }),
        ]);
      };
      const dual = { podIP: '10.0.0.5', podIPs: [{ ip: '10.0.0.5' }, { ip: 'fd00::5' }] };
      const one = 'cni.projectcalico.org/podIP';
      await tenant(
        create,
        podOf({ name: 'before-ips', annotations: { [POD_IPS]: '203.0.113.7,198.51.100.7' } }),
      );
      await tenant(create, podOf({ name: 'before-label', labels: { [ACCOUNT]: 'other' } }));
      await tenant(
        create,
        podOf({
          name: 'before-float',
          annotations: { 'cni.projectcalico.org/floatingIPs': '["203.0.113.8"]' },
        }),
      );
      await withStatus({ name: 'before-other', annotations: { [one]: '10.0.0.6/32' } }, dual);
      await tenant(create, podOf({ name: 'honest-own-label', labels: { [ACCOUNT]: 'default' } }));
      await tenant(create, podOf({ name: 'honest-released', annotations: { [one]: '', [POD_IPS]: '' } }));
      await withStatus(
        { name: 'honest-dual', annotations: { [one]: '10.0.0.5/32', [POD_IPS]: '10.0.0.5/32,fd00::5/128' } },
        dual,
      );
      await withStatus({ name: 'honest-order', annotations: { [POD_IPS]: 'fd00::5/128,10.0.0.5/32' } }, dual);
      await withStatus(
        { name: 'honest-amazon', annotations: { 'vpc.amazonaws.com/pod-ips': '10.0.0.5' } },
        dual,
      );
      await withStatus(
        { name: 'honest-done', annotations: { [one]: '10.0.0.9/32' } },
        { phase: 'Succeeded' },
      );
      const template = path.join(GUARD, 'claims.gotemplate');
      const listed = await cluster().kubectl([
        'get',
        'pods',
        '--all-namespaces',
        '--output',
        `go-template-file=${template}`,
      ]);
      expect(listed.trimEnd().split('\n').toSorted()).toEqual([
        'evil/before-float annotation cni.projectcalico.org/floatingIPs: "[\\"203.0.113.8\\"]"',
        `evil/before-ips annotation ${POD_IPS}: "203.0.113.7,198.51.100.7"`,
        `evil/before-label label ${ACCOUNT}: "other"`,
        `evil/before-other annotation ${one}: "10.0.0.6/32"`,
      ]);
    });
  });

  describe('with the guard', () => {
    beforeAll(async () => {
      await install();
      await forgedPodIs('refused');
    }, WITHIN);

    test('the API server finds nothing odd in its expressions', async () => {
      const typeChecking = async (): Promise<string> =>
        admin(['get', 'validatingadmissionpolicy', NAME, '--output', 'jsonpath={.status}']);
      const status = await waitFor(async () => (await typeChecking()) || undefined, {
        what: 'the API server to check the types',
        within: WITHIN,
      });
      expect(JSON.parse(status)).toEqual({ observedGeneration: expect.any(Number), typeChecking: {} });
    });

    test.each(CLAIMS)('%s is refused in a new pod, whatever its value', async (name) => {
      for (const value of ['203.0.113.50', '']) {
        const pod = podOf({ name: 'new', annotations: { team: 'blue', [name]: value } });
        await expect(tenant(create, pod)).rejects.toThrow(drop(`annotation ${name}`));
      }
    });

    test.each(REQUESTS)('%s passes: it claims nothing', async (name) => {
      await tenant(dryRun, podOf({ name: 'asks', annotations: { [name]: '[]' } }));
    });

    test('the label of the ServiceAccount is refused; the message names everything at once', async () => {
      const labels = { team: 'blue', [ACCOUNT]: 'other' };
      await expect(tenant(create, podOf({ name: 'new', labels }))).rejects.toThrow(drop(`label ${ACCOUNT}`));
      await expect(tenant(create, podOf({ name: 'new', labels, annotations: FORGED }))).rejects.toThrow(
        drop(`annotation ${POD_IPS}, label ${ACCOUNT}`),
      );
    });

    describe('whichever way it comes', () => {
      const raw = '/api/v1/namespaces/evil';
      const apply = ['apply', '--filename', '-', '--server-side'];
      const merge = JSON.stringify({ metadata: { annotations: FORGED } });
      const json = JSON.stringify([{ op: 'add', path: '/metadata/annotations', value: FORGED }]);

      beforeAll(async () => {
        await tenant(create, podOf({ name: 'target', labels: { app: 'web' } }));
      });

      const forged = podOf({ name: 'target', annotations: FORGED });
      const ways: Readonly<Record<string, () => Promise<string>>> = {
        create: () => tenant(create, podOf({ name: 'new', annotations: FORGED })),
        'create with generateName': () =>
          tenant(create, podOf({ generateName: 'new-', annotations: FORGED })),
        'server-side apply of a new pod': () => tenant(apply, podOf({ name: 'new', annotations: FORGED })),
        'server-side apply': () => tenant([...apply, '--force-conflicts'], forged),
        'client-side apply': () => tenant(['apply', '--filename', '-'], forged),
        annotate: () => tenant(['annotate', 'pod', 'target', `${POD_IPS}=203.0.113.50`]),
        'merge patch': () => tenant(['patch', 'pod', 'target', '--type=merge', '--patch', merge]),
        'strategic patch': () => tenant(['patch', 'pod', 'target', '--patch', merge]),
        'JSON patch': () => tenant(['patch', 'pod', 'target', '--type=json', '--patch', json]),
        replace: async () => {
          const pod = await stored('target');
          return tenant(['replace', '--filename', '-'], {
            ...pod,
            metadata: { ...pod.metadata, annotations: FORGED },
          });
        },
        'pods/binding': () =>
          tenant(
            ['create', '--raw', `${raw}/pods/target/binding`, '--filename', '-'],
            bindingOf({ name: 'target', annotations: FORGED }),
          ),
        bindings: () =>
          tenant(
            ['create', '--raw', `${raw}/bindings`, '--filename', '-'],
            bindingOf({ name: 'target', annotations: FORGED }),
          ),
      };

      test.each(Object.keys(ways))('%s', async (way) => {
        await expect(ways[way]?.()).rejects.toThrow(REFUSED);
        const { metadata, spec } = await stored('target');
        expect([metadata.annotations, spec.nodeName]).toEqual([undefined, undefined]);
      });

      test('the label through a Binding', async () => {
        const binding = bindingOf({ name: 'target', labels: { [ACCOUNT]: 'other' } });
        const path = `${raw}/pods/target/binding`;
        await expect(tenant(['create', '--raw', path, '--filename', '-'], binding)).rejects.toThrow(
          drop(`label ${ACCOUNT}`),
        );
      });

      test('the label later', async () => {
        await expect(tenant(['label', 'pod', 'target', `${ACCOUNT}=other`])).rejects.toThrow(
          drop(`label ${ACCOUNT}`),
        );
      });

      test.each(['ephemeralcontainers', 'resize'])('pods/%s takes neither', async (subresource) => {
        const pod = await stored('target');
        const metadata = {
          ...pod.metadata,
          annotations: FORGED,
          labels: { ...pod.metadata.labels, [ACCOUNT]: 'other' },
        };
        await tenant(['replace', '--raw', `${raw}/pods/target/${subresource}`, '--filename', '-'], {
          ...pod,
          metadata,
        });
        expect((await stored('target')).metadata.annotations).toBeUndefined();
        expect((await stored('target')).metadata.labels).toEqual({ app: 'web' });
      });

      test('a template: its pod is refused, and the events say so', async () => {
        const template = {
          metadata: { labels: { app: 'forged' }, annotations: FORGED },
          spec: { containers: [CONTAINER] },
        };
        const selector = { matchLabels: { app: 'forged' } };
        await tenant(create, {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'forged' },
          spec: { replicas: 1, selector, template },
        });
        const events = [
          'get',
          'events',
          '--field-selector',
          'reason=FailedCreate,involvedObject.kind=ReplicaSet',
        ];
        const told = await waitFor(
          async () => (await tenant([...events, '--output', 'jsonpath={.items[*].message}'])) || undefined,
          {
            what: 'the event of the ReplicaSet',
            within: WITHIN,
          },
        );
        expect(told).toContain(REFUSED);
        expect(await tenant(['get', 'pods', '--selector', 'app=forged', '--output', 'name'])).toBe('');
        await tenant(['delete', 'deployment', 'forged']);
      });
    });

    describe("what Calico's CNI plugin wrote", () => {
      const written = { 'cni.projectcalico.org/podIP': '10.244.0.7/32', [POD_IPS]: '10.244.0.7/32' };

      beforeAll(async () => {
        await tenant(create, podOf({ name: 'running' }));
        await writeAsPlugin('running', { ...written, 'cni.projectcalico.org/containerID': 'abc' });
      });

      test.each([
        ['another address', `${POD_IPS}=203.0.113.50`],
        ['nothing, as if the address were free', 'cni.projectcalico.org/podIP='],
        ['gone', 'cni.projectcalico.org/podIP-'],
        ["another container's", 'cni.projectcalico.org/containerID=other'],
      ])('is not changed by others: %s', async (_, change) => {
        const name = change.replace(/[=-].*$/, '');
        await expect(tenant(['annotate', '--overwrite', 'pod', 'running', change])).rejects.toThrow(
          drop(`annotation ${name}`),
        );
        expect((await stored('running')).metadata.annotations).toMatchObject(written);
      });

      test('does not keep other changes from its pod', async () => {
        await tenant(['label', 'pod', 'running', 'team=blue']);
        await tenant(['annotate', 'pod', 'running', 'team=blue']);
        const pod = await stored('running');
        await tenant(['replace', '--filename', '-'], {
          ...pod,
          metadata: { ...pod.metadata, labels: { team: 'red' } },
        });
        expect((await stored('running')).metadata.labels).toEqual({ team: 'red' });
      });

      test('is what a restored pod has to drop', async () => {
        const { metadata, ...rest } = await stored('running');
        const restored = { ...rest, metadata: { name: 'restored', annotations: metadata.annotations ?? {} } };
        await expect(tenant(create, restored)).rejects.toThrow(
          drop(
            'annotation cni.projectcalico.org/podIP, annotation cni.projectcalico.org/podIPs, annotation cni.projectcalico.org/containerID',
          ),
        );
        await tenant(create, { ...restored, metadata: { name: 'restored', annotations: { team: 'blue' } } });
      });

      test('is emptied by it at the end', async () => {
        const empty = { 'cni.projectcalico.org/podIP': '', [POD_IPS]: '' };
        await writeAsPlugin('running', empty);
        expect((await stored('running')).metadata.annotations).toMatchObject(empty);
      });
    });

    describe('everything else passes', () => {
      test('a pod that stood before the guard gets labels', async () => {
        await tenant(['label', 'pod', 'before-ips', 'team=blue']);
        await tenant(['label', 'pod', 'before-label', 'team=blue']);
      });

      test('a mirror pod', async () => {
        const annotations = { 'kubernetes.io/config.mirror': 'abc', 'kubernetes.io/config.source': 'file' };
        const labels = { tier: 'control-plane' };
        const spec = { nodeName: NODE, serviceAccountName: undefined };
        await admin(create, podOf({ name: 'mirror', annotations, labels }, spec));
        expect((await stored('mirror')).spec.serviceAccountName).toBeUndefined();
      });

      test('the pods of a DaemonSet', async () => {
        const template = {
          metadata: { labels: { app: 'agent' } },
          // The API server taints new nodes.
          spec: { containers: [CONTAINER], tolerations: [{ operator: 'Exists' }] },
        };
        const spec = { selector: { matchLabels: { app: 'agent' } }, template };
        await tenant(create, { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' }, spec });
        await waitFor(
          async () =>
            (await tenant(['get', 'pods', '--selector', 'app=agent', '--output', 'name'])) || undefined,
          {
            what: 'the pod of the DaemonSet',
            within: WITHIN,
          },
        );
      });

      test('a Binding with the labels and annotations of a scheduler', async () => {
        await tenant(create, podOf({ name: 'bound' }));
        const labels = { 'topology.kubernetes.io/zone': 'a' };
        const binding = bindingOf({
          name: 'bound',
          labels,
          annotations: { 'scheduler.example.com/score': '1' },
        });
        await tenant(
          ['create', '--raw', '/api/v1/namespaces/evil/pods/bound/binding', '--filename', '-'],
          binding,
        );
        expect((await stored('bound')).spec.nodeName).toBe(NODE);
      });

      test('an ephemeral container, a resize, an eviction', async () => {
        await tenant(create, podOf({ name: 'used' }));
        await writeAsPlugin('used', { [POD_IPS]: '10.244.0.8/32' });
        const pod = await stored('used');
        const ephemeralContainers = [{ name: 'debug', image: 'none' }];
        const of = '/api/v1/namespaces/evil/pods/used';
        await tenant(['replace', '--raw', `${of}/ephemeralcontainers`, '--filename', '-'], {
          ...pod,
          spec: { ...pod.spec, ephemeralContainers },
        });
        const resources = { requests: { cpu: '20m' } };
        const resize = JSON.stringify({ spec: { containers: [{ name: 'c', resources }] } });
        await tenant(['patch', 'pod', 'used', '--subresource=resize', '--patch', resize]);
        expect((await stored('used')).spec).toMatchObject({
          ephemeralContainers,
          containers: [{ resources }],
        });
        const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'used' } };
        await tenant(['create', '--raw', `${of}/eviction`, '--filename', '-'], eviction);
        await expect(stored('used')).rejects.toThrow('not found');
      });
    });

    describe('its parameter', () => {
      test('lets the named users write, and nobody else', async () => {
        const change = () => setParameter('users', `kubelet, ${AMAZON}`);
        await whileGuardIs(change, async () => {
          await forgedPodIs('taken', REFUSED, AMAZON);
          await forgedPodIs('refused');
        });
        await forgedPodIs('refused', REFUSED, AMAZON);
      });

      test('lets everybody write the named annotations, and no other', async () => {
        const floating = { 'cni.projectcalico.org/floatingIPs': '["203.0.113.50"]' };
        await whileGuardIs(
          () => setParameter('annotations', `${POD_IPS}, cni.projectcalico.org/floatingIPs`),
          async () => {
            await forgedPodIs('taken');
            await tenant(dryRun, podOf({ name: 'floating', annotations: floating }));
            const both = { ...floating, 'cni.projectcalico.org/podIP': '203.0.113.50' };
            await expect(tenant(dryRun, podOf({ name: 'both', annotations: both }))).rejects.toThrow(
              drop('annotation cni.projectcalico.org/podIP'),
            );
          },
        );
      });

      const patchBinding = (patch: object) =>
        admin(['patch', 'validatingadmissionpolicybinding', NAME, '--patch', JSON.stringify(patch)]);

      test('may be missing: no other pod is refused', async () => {
        await whileGuardIs(
          () => patchBinding({ spec: { paramRef: { name: 'missing' } } }),
          () => forgedPodIs('taken'),
        );
      });

      test('may be given up: the guard stands, for everybody', async () => {
        await setParameter('users', AMAZON);
        await whileGuardIs(
          () => patchBinding({ spec: { paramRef: null } }),
          () => forgedPodIs('refused', REFUSED, AMAZON),
        );
      });
    });

    test('it holds from the first request after a start of the API server, and refuses no other pod then', async () => {
      await cluster().faults.killApiServer();
      await cluster().faults.startApiServer();
      const [honest, forged] = await Promise.allSettled([
        tenant(dryRun, podOf({ name: 'honest' })),
        tenant(dryRun, podOf({ name: 'forged', annotations: FORGED })),
      ]);
      expect(honest.status).toBe('fulfilled');
      expect(String(forged.status === 'rejected' && forged.reason)).toContain(REFUSED);
    });

    test.each([
      ['a validation', '/spec/validations/0/expression', '1 / 0 == 0', 'division by zero'],
      ['a variable', '/spec/variables/0/expression', 'object.spec.no.such.field', 'no such'],
    ])('whatever becomes of %s, it refuses no other pod', async (_, place, value, reason) => {
      const patch = JSON.stringify([{ op: 'replace', path: place, value }]);
      await whileGuardIs(
        () => admin(['patch', 'validatingadmissionpolicy', NAME, '--type=json', '--patch', patch]),
        () => forgedPodIs('refused', reason),
      );
    });
  });
};
