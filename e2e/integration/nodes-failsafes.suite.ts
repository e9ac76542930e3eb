/**
 * nodes.failsafes: the writes to FelixConfiguration default, their time, and the restoration. There is no
 * Felix to restart.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isRecord } from '../../src/json.ts';
import type { KubernetesObject } from '../../src/cluster/resource.ts';
import { conditionOf, eventually, firewall, type Rig, type RigMode } from './controller-harness.ts';
import { ALL, ALLOW, isBefore, nodeQuestions } from './nodes-harness.ts';

const FELIX = 'felixconfigurations.projectcalico.org';
const WRITTEN = /patch felixconfigurations\/default/;
const ANNOTATIONS = ['clusterfirewall.io/former-failsafes', 'clusterfirewall.io/failsafes'];
const OFFICE = { name: 'office', cidrs: ['198.51.100.0/24'] };

const managed = (spec: object = {}, peers: readonly object[] = [OFFICE]) =>
  firewall({
    peers: [{ name: 'ingress', pods: { namespaceSelector: { matchLabels: { role: 'ingress' } } } }, ...peers],
    nodes: {
      mode: 'Enforce',
      failsafes: 'Managed',
      breakGlass: [{ peer: 'office' }],
      nodeCIDRs: ['10.99.0.0/24'],
      ...spec,
    },
  });
const tcp = (port: number, net: string) => ({ protocol: 'tcp', port, net });
const narrowed = (office = '198.51.100.0/24') => [
  tcp(22, office),
  tcp(6443, office),
  tcp(6443, '10.99.0.0/24'),
  tcp(179, '10.99.0.0/24'),
  tcp(5473, '10.99.0.0/24'),
  { protocol: 'udp', port: 68 },
];

export const failsafes = (rig: () => Rig, mode: RigMode): void => {
  describe('failsafes', () => {
    const { kubectl, enforced, written, now } = nodeQuestions(rig);
    const configuration = async (name = 'default'): Promise<KubernetesObject> => {
      const found = (await rig().list(FELIX)).find(({ metadata }) => metadata.name === name);
      if (found === undefined) throw new Error(`no FelixConfiguration ${name}`);
      return found;
    };
    const specOf = async (): Promise<Readonly<Record<string, unknown>>> => {
      const { spec } = await configuration();
      return isRecord(spec) ? spec : {};
    };
    const value = async (): Promise<unknown> => (await specOf())['failsafeInboundHostPorts'];
    const setFailsafes = (failsafeInboundHostPorts: unknown): Promise<string> =>
      kubectl(
        'patch',
        FELIX,
        'default',
        '--type=merge',
        '--patch',
        JSON.stringify({ spec: { failsafeInboundHostPorts } }),
      );
    const are = (wanted: unknown, what: string): Promise<void> =>
      eventually(async () => JSON.stringify(await value()) === JSON.stringify(wanted), what);
    const areNarrowed = (office?: string): Promise<void> =>
      eventually(
        async () => sorted(await value()) === sorted(narrowed(office)),
        `failsafes narrowed to ${office ?? 'the office'}`,
      );
    const ours = async (): Promise<readonly string[]> =>
      ((annotations = {}) => ANNOTATIONS.filter((key) => key in annotations))(
        (await configuration()).metadata.annotations,
      );
    const notes = async (reason: string): Promise<readonly string[]> =>
      (await rig().list('events.events.k8s.io'))
        .filter((event) => event['reason'] === reason)
        .map((event) => String(event['note']));
    const message = async (wanted: string): Promise<void> => {
      await rig().statusThat(
        (status) => conditionOf(status, 'FailsafesOpen')?.message.includes(wanted) === true,
        `FailsafesOpen: ${wanted}`,
      );
    };
    const closed = async (): Promise<void> => {
      await rig().statusThat(
        (status) => conditionOf(status, 'FailsafesOpen') === undefined,
        'no failsafe open',
      );
    };

    beforeAll(async () => {
      // Calico's API server has one from the start, like an installation.
      if (mode === 'native')
        await rig().apply({
          apiVersion: 'projectcalico.org/v3',
          kind: 'FelixConfiguration',
          metadata: { name: 'default' },
          spec: { defaultEndpointToHostAction: 'Accept' },
        });
    });
    afterAll(() => rig().clear(), 60_000);

    test('are narrowed last, and reported with the defaults of the server', async () => {
      const [from, before] = [await now(), await specOf()];
      await rig().apply(managed());
      await enforced('2/2');
      await areNarrowed();
      isBefore(await written(from, ALLOW), await written(from, WRITTEN));
      isBefore(await written(from, ALL), await written(from, WRITTEN));
      await closed();
      const after = await specOf();
      await eventually(async () => (await notes('FailsafesNarrowed')).length > 0, 'the Event');
      const [note] = await notes('FailsafesNarrowed');
      const added = Object.keys(after).filter((key) => !(key in before) && !key.startsWith('failsafe'));
      expect(added).toHaveLength(mode === 'aggregated' ? 3 : 0);
      for (const field of added) expect(note).toContain(field);
    });

    test('are not written again after a restart, or while nothing changes', async () => {
      await rig().restart();
      const from = await now();
      await kubectl('label', 'node', 'worker', 'zone=a');
      await eventually(async () => (await written(from, ALL)).length > 0, 'the label at the endpoint');
      expect(await written(from, WRITTEN)).toEqual([]);
      await kubectl('label', 'node', 'worker', 'zone-');
    });

    test('follow breakGlass when its policies are in force', async () => {
      const from = await now();
      await rig().apply(managed({}, [{ ...OFFICE, cidrs: ['192.0.2.0/24'] }]));
      await areNarrowed('192.0.2.0/24');
      const way = /globalnetworkpolicies\/clusterfirewall\.cfw-default-nodes-breakglass-/;
      isBefore(await written(from, way), await written(from, WRITTEN));
      await rig().apply(managed());
      await areNarrowed();
    });

    test('stay open where the configuration of a node overrides them, and the status reports it', async () => {
      await rig().apply({
        apiVersion: 'projectcalico.org/v3',
        kind: 'FelixConfiguration',
        metadata: { name: 'node.worker' },
        spec: { failsafeInboundHostPorts: [{ protocol: 'tcp', port: 2379 }] },
      });
      await message('2379/TCP');
      await message('outranks');
      await kubectl('delete', FELIX, 'node.worker');
      await closed();
    });

    test('are restored while breakGlass resolves to nothing', async () => {
      await rig().apply(managed({ breakGlass: [{ peer: 'nobody' }] }));
      await are(undefined, 'what was there before');
      await message('"nobody"');
      await rig().apply(managed());
      await areNarrowed();
    });

    test('that another client changes are left alone, and reported', async () => {
      const theirs = [{ port: 22, protocol: 'TCP' }];
      await setFailsafes(theirs);
      await message('another client has changed');
      await eventually(async () => (await notes('FailsafesChanged')).length > 0, 'the Event');
      await rig().apply(managed({ extraAddresses: ['192.0.2.9/32'] }));
      await enforced('2/2');
      expect(sorted(await value())).toBe(sorted(theirs));

      await rig().apply(managed({ failsafes: 'Report' }));
      await eventually(async () => (await ours()).length === 0, 'no annotation of ours');
      expect(sorted(await value())).toBe(sorted(theirs));
      await rig().apply(managed());
      await areNarrowed();
    });

    test('are restored with Report, and with Observe', async () => {
      const theirs = sorted([{ port: 22, protocol: 'TCP' }]);
      for (const spec of [{ failsafes: 'Report' }, { mode: 'Observe' }]) {
        await rig().apply(managed(spec));
        await eventually(async () => sorted(await value()) === theirs, 'what was there before');
        expect(await ours()).toEqual([]);
        await rig().apply(managed());
        await areNarrowed();
      }
      await rig().apply(managed({ failsafes: 'Report' }));
      await eventually(async () => sorted(await value()) === theirs, 'what was there before');
      await setFailsafes(null);
      await rig().apply(managed());
      await areNarrowed();
    });

    test('are restored first when the firewall is deleted', async () => {
      const from = await now();
      await rig().clear();
      expect(await value()).toBeUndefined();
      expect(await ours()).toEqual([]);
      isBefore(await written(from, WRITTEN), await written(from, /^delete .*-nodes-/));
    });
  });
};

/** A text that does not depend on the order of keys or the case of protocols. */
const sorted = (value: unknown): string =>
  JSON.stringify(
    Array.isArray(value)
      ? value.map((entry: unknown) =>
          isRecord(entry)
            ? [entry['net'] ?? null, entry['port'], String(entry['protocol']).toLowerCase()]
            : entry,
        )
      : (value ?? null),
  );
