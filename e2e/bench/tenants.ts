/**
 * (t): the revocation of a flow, with and without 1,500 policies of a tenant in another namespace that pose as
 * the operator's. The default deny changes with it, so the operator needs a bridge.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { mergePatch, remove } from '../../src/cluster/objects/apply.ts';
import { forEachLimit } from '../../src/cluster/parallel.ts';
import type { KubernetesObject, Resource } from '../../src/cluster/resource.ts';
import type { Endpoint, StartedPod } from '../cluster.ts';
import { isPeriodic, isWrite, type AuditedRequest } from './audit.ts';
import { applyFirewall, ready } from './firewalls.ts';
import { count, createAll, firewall } from './load.ts';
import { Flow } from './packets.ts';
import type { Part } from './parts.ts';
import { startRig, whileRunning, type Rig } from './rig.ts';
import { duration, median } from './statistics.ts';
import type { Row } from './table.ts';

const PAIRS = Number(process.env['PAIRS'] ?? 5);
const FORGED = 1500;
const PORT = 8080;
/** Every other forged policy is held by a finalizer. The operator removes the rest. */
const STAYS = ['evil.example/never'];
/** Waves begin a second after the last write of the wave before. */
const PAUSE_MS = 900;
/** The audit log has a request after its answer. */
const AUDIT_SETTLES_MS = 1000;
const AT_ONCE = 24;

/** The form in which Calico's API server stores policies. Writing it is faster, and the operator sees the same. */
const STORED: Resource = {
  group: 'crd.projectcalico.org',
  version: 'v1',
  plural: 'networkpolicies',
  namespace: 'evil',
};

interface Revocation {
  readonly ms: number;
  readonly writes: number;
  readonly waves: number;
}

export const measureTenants: Part = async ({ note }) => {
  const pairs: { readonly alone: Revocation; readonly beside: Revocation }[] = [];
  await using rig = await startRig({ mode: 'aggregated', nodes: [{ name: 'node1', dataplane: 'iptables' }] });
  const { cluster } = rig;
  const host = await cluster.createOutsideHost({ name: 'office', addresses: ['198.51.100.7'] });
  for (const name of ['shop', 'evil']) await cluster.createNamespace(name);
  const pod = await cluster.createPod({
    namespace: 'shop',
    name: 'web',
    node: 'node1',
    labels: { app: 'web' },
    ports: [{ port: PORT }],
  });
  await whileRunning(rig, async () => {
    for (const pair of count(PAIRS)) {
      note(`(t) pair ${String(pair + 1)} of ${String(PAIRS)}`);
      const alone = await revocation(rig, host, pod);
      const beside = await revocation(rig, host, pod, () => forge(rig));
      await clearAway(rig);
      pairs.push({ alone, beside });
    }
  });
  const row = (what: string, figure: (each: Revocation) => number, print: (value: number) => string): Row => {
    const [without, beside] = (['alone', 'beside'] as const).map((which) =>
      print(median(pairs.map((pair) => figure(pair[which])))),
    );
    return {
      part: 't',
      what: `${what}, without and with a tenant`,
      figure: `${without ?? ''}, ${beside ?? ''}`,
    };
  };
  const times = pairs.map(({ alone, beside }) => beside.ms - alone.ms);
  return [
    row('revocation → packet refused', ({ ms }) => ms, duration),
    { part: 't', what: `median difference of ${String(PAIRS)} pairs`, figure: duration(median(times)) },
    row('writes for others', ({ writes }) => writes, String),
    row('waves', ({ waves }) => waves, String),
  ];
};

const spec = (isOpen: boolean) =>
  firewall({
    ...(isOpen ? {} : { defaults: { exempt: { names: ['elsewhere'] } } }),
    namespaces: [
      { name: 'team', namespaces: ['evil', 'shop'], isolation: 'SameNamespace' },
      ...(isOpen
        ? [
            {
              name: 'shop',
              namespaces: ['shop'],
              isolation: 'SameNamespace',
              ingress: [
                {
                  name: 'web',
                  pods: { matchLabels: { app: 'web' } },
                  from: [{ peer: 'office' }],
                  ports: [PORT],
                },
              ],
            },
          ]
        : []),
    ],
  });

async function revocation(
  { client, cluster, audit }: Rig,
  from: Endpoint,
  pod: StartedPod,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<Revocation> {
  await applyFirewall(client, spec(true));
  await ready(client);
  await before();
  await cluster.policiesProgrammed();
  const flow = new Flow(from, pod, PORT);
  await delay(AUDIT_SETTLES_MS);
  const mark = await audit.mark();
  const began = performance.now();
  await applyFirewall(client, spec(false));
  const ms = (await flow.turns('refused')) - began;
  await ready(client);
  await delay(AUDIT_SETTLES_MS);
  const writes = (await audit.since(mark)).filter(isForOthers);
  const pauses = writes.filter(
    ({ receivedAt }, index) => receivedAt - (writes[index - 1]?.answeredAt ?? receivedAt) > PAUSE_MS,
  );
  return { ms, writes: writes.length, waves: pauses.length + 1 };
}

const isForOthers = (request: AuditedRequest): boolean =>
  isWrite(request) &&
  !isPeriodic(request) &&
  request.uri.includes('projectcalico.org') &&
  !request.uri.includes('/namespaces/evil/');

const nameOf = (index: number): string => `cfw-forged-${String(index)}`;

async function forge({ client }: Rig): Promise<void> {
  const labels = {
    'app.kubernetes.io/managed-by': 'clusterfirewall',
    'clusterfirewall.io/firewall': 'default',
  };
  const annotations = { 'clusterfirewall.io/rules': 'default/defaults/deny' };
  const policy = (index: number): KubernetesObject => ({
    apiVersion: 'crd.projectcalico.org/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: `default.${nameOf(index)}`,
      namespace: 'evil',
      ...(index % 2 === 0 && { finalizers: STAYS }),
      annotations: {
        'projectcalico.org/metadata': JSON.stringify({ name: nameOf(index), labels, annotations }),
      },
    },
    spec: {
      tier: 'default',
      order: 1,
      selector: 'all()',
      types: ['Ingress'],
      ingress: [{ action: 'Allow' }],
    },
  });
  await createAll(client, STORED, count(FORGED).map(policy));
}

async function clearAway({ client }: Rig): Promise<void> {
  await forEachLimit(count(FORGED), AT_ONCE, async (index) => {
    const name = `default.${nameOf(index)}`;
    await mergePatch(client, STORED, name, { metadata: { finalizers: null } }).catch(() => undefined);
    await remove(client, STORED, name);
  });
}
