/**
 * Facts about Calico's handling of a node firewall, with packets. The compiler's output for `spec.nodes`
 * relies on them. The node `edge` is in iptables mode, `worker` in nftables mode.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import type { StartedCluster } from '../cluster.ts';
import { waitFor } from '../wait.ts';
import * as byHand from './nodes/by-hand.ts';
import { TABLES } from './nodes/by-hand-tables.ts';
import { SECOND_NIC, VIRTUAL } from './nodes/cast.ts';
import { withFelixSettings } from './nodes/felix-settings.ts';
import { complaints } from './felix-logs.ts';
import { expectTables } from './nodes/matrix.ts';
import { apply, remove } from './nodes/objects.ts';
import { reaches, type Attempt } from './nodes/reach.ts';
import { START_WITHIN, startNodeStage, type NodeStage } from './nodes/stage.ts';

const WITHIN = 600_000;
const FORGE = fileURLToPath(new URL('nodes/forge-vxlan.ts', import.meta.url));
const WORLD = ['203.0.113.0/24', '2001:db8::/64'];
const LOOPBACK = ['127.0.0.1', '::1'];
const ENFORCED = ['edge', 'worker'] as const;
/** A port that no zone of by-hand.ts opens to the world. */
const UNLISTED = 9999;
const KUBELET = 10250;
const RETURNING = {
  during: { iptablesFilterAllowAction: 'Return' },
  afterwards: { iptablesFilterAllowAction: 'Accept' },
};

describe('a node firewall', () => {
  let started: NodeStage | undefined;
  const stage = (): NodeStage => {
    if (started === undefined) throw new Error('the stage did not start: see the first error');
    return started;
  };
  const cluster = (): StartedCluster => stage().cluster;
  const edge = (): readonly string[] => stage().node('edge').addresses;
  const worker = (): readonly string[] => stage().node('worker').addresses;
  const allowed = (attempt: Attempt) => reaches(stage(), 'allowed', attempt);
  const refused = (attempt: Attempt) => reaches(stage(), 'refused', attempt);
  const nic = (family: 4 | 6): readonly string[] =>
    ENFORCED.map((node) => SECOND_NIC[node]?.[family === 4 ? 0 : 1] ?? '');
  const vip = (node: string): readonly string[] => VIRTUAL[node] ?? [];

  const on = (node: string, ...command: readonly string[]): Promise<string> =>
    cluster().run(stage().node(node), command);

  const write = async (...objects: readonly byHand.CalicoObject[]): Promise<void> => {
    await apply(cluster(), objects);
    await cluster().policiesProgrammed();
  };
  const take = async (...objects: readonly byHand.CalicoObject[]): Promise<void> => {
    await remove(cluster(), objects);
    await cluster().policiesProgrammed();
  };
  /** Runs while other objects than those of by-hand.ts exist. Afterwards all is as before. */
  async function withObjects(
    change: {
      readonly plus?: readonly byHand.CalicoObject[];
      readonly minus?: readonly byHand.CalicoObject[];
    },
    look: () => Promise<unknown>,
  ): Promise<void> {
    const { plus = [], minus = [] } = change;
    if (minus.length > 0) await take(...minus);
    if (plus.length > 0) await write(...plus);
    try {
      await look();
    } finally {
      const before = new Map(byHand.firewall.flat().map((each) => [each.metadata.name, each]));
      await take(...plus.filter(({ metadata }) => !before.has(metadata.name)).toReversed());
      const changed = [...plus, ...minus].flatMap(({ metadata }) => before.get(metadata.name) ?? []);
      if (changed.length > 0) await write(...changed);
    }
  }

  beforeAll(async () => {
    started = await startNodeStage('iptables');
    for (const step of byHand.firewall) await apply(cluster(), step);
    await cluster().policiesProgrammed();
  }, START_WITHIN);

  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  }, WITHIN);

  test(
    'holds on every address of a node, in both IP families',
    async () => {
      process.stderr.write(`\n${await expectTables(stage(), TABLES)}\n`);
    },
    WITHIN,
  );

  describe('in its ports layer', () => {
    const opening = (action: 'Allow' | 'Pass' | 'Deny') =>
      byHand
        .from(WORLD, action, { protocol: 'TCP' })
        .map((rule) => ({ ...rule, destination: { ports: [UNLISTED] } }));
    const probe = (): Attempt => ({ from: 'world', to: [...edge(), ...worker()], port: UNLISTED });
    const foreign = [
      byHand.object('Tier', 'other', { order: 950, defaultAction: 'Pass' }),
      byHand.object('GlobalNetworkPolicy', 'other.deny', {
        ...{ tier: 'other', order: 1, selector: `has(${byHand.GATE})`, types: ['Ingress'] },
        ...{ preDNAT: true, applyOnForward: true, ingress: opening('Deny') },
      }),
    ];

    test(
      'Pass leaves the tier: the host layer and the tiers of others still apply',
      async () => {
        const [ports, host] = byHand.both('probe', 5, opening('Pass'));
        await withObjects({ plus: [ports] }, () => refused(probe()));
        await withObjects({ plus: [ports, host] }, () => allowed(probe()));
        await withObjects({ plus: [ports, host, ...foreign] }, () => refused(probe()));
      },
      WITHIN,
    );

    test(
      'Allow ends the evaluation for hosts',
      async () => {
        const ports = byHand.ports('probe', 5, opening('Allow'));
        await withObjects({ plus: [ports, ...foreign] }, () => allowed(probe()));
      },
      WITHIN,
    );

    test(
      'a rule that excludes addresses of one IP family does not match the other one',
      async () => {
        const nodePort = { from: 'world', port: 30080 };
        const without = (family: 'v4' | 'v6') => ({
          plus: [byHand.lastPorts(family === 'v4' ? [6] : [4])],
          minus: [byHand.podPolicy],
        });
        await withObjects(without('v6'), async () => {
          await refused({ ...nodePort, to: [...nic(4), ...edge(), ...worker()] });
          await allowed({ ...nodePort, to: nic(6) });
        });
        await withObjects(without('v4'), async () => {
          await refused({ ...nodePort, to: [...nic(6), ...edge(), ...worker()] });
          await allowed({ ...nodePort, to: nic(4) });
        });
      },
      WITHIN,
    );

    test(
      'VXLAN must be allowed, and in no other layer',
      async () => {
        const between = (): Attempt => ({
          ...{ from: 'tenant/on-edge', port: 8080 },
          to: stage().endpoint('kube-system/metrics').addresses,
        });
        const host = byHand.host('overlay', 10, [byHand.VXLAN]);
        const nodes = byHand.nodesByTcpAlone;
        await withObjects({ plus: nodes }, () => allowed(between()));
        await withObjects({ plus: nodes, minus: [byHand.overlay] }, () => refused(between()));
        await withObjects({ plus: [...nodes, host], minus: [byHand.overlay] }, () => refused(between()));
      },
      WITHIN,
    );

    test(
      'VXLAN that is allowed from anywhere is still accepted only from nodes',
      async () => {
        const pod = stage().endpoint('kube-system/metrics');
        const tunnel = await cluster().run(stage().node('worker'), [
          'cat',
          '/sys/class/net/vxlan.calico/address',
        ]);
        const forge = (forger: string): Promise<string> => {
          const endpoint = stage().endpoint(forger);
          const args = [worker()[0], tunnel.trim(), pod.address, '8081', endpoint.address];
          return cluster().run(endpoint, [process.execPath, FORGE, ...args.map(String)]);
        };
        const answers = byHand.both('probe', 5, [{ action: 'Pass', protocol: 'UDP' }]);
        await withObjects({ plus: answers }, async () => {
          expect(await forge('control')).toBe('answered');
          expect(await forge('world')).toBe('silence');
          expect(await forge('trusted')).toBe('silence');
        });
      },
      WITHIN,
    );
  });

  describe('with NAT', () => {
    const seenFrom = async (from: string, to: readonly string[]): Promise<readonly (string | undefined)[]> =>
      (await allowed({ from, to, port: 6443 })).map((result) =>
        result.verdict === 'allowed' ? result.seenFrom?.address : undefined,
      );
    const pods = (name: string): readonly string[] => stage().endpoint(name).addresses;
    const nets = (addresses: readonly string[]): readonly string[] =>
      addresses.map((each) => `${each}/${each.includes(':') ? 128 : 32}`);

    test(
      "a pod has its own address on its own node and in the overlay, and its node's address on other nodes",
      async () => {
        const { tunnel } = await stage().addresses('edge');
        expect(await seenFrom('tenant/on-edge', edge())).toEqual(pods('tenant/on-edge'));
        expect(await seenFrom('tenant/on-worker', tunnel)).toEqual(pods('tenant/on-worker'));
        expect(await seenFrom('tenant/on-worker', edge())).toEqual(worker());
      },
      WITHIN,
    );

    test(
      'its packets to addresses of nodes meet policies on its own node already, where it has its own address',
      async () => {
        const web = byHand.both(
          'probe',
          5,
          byHand.from(nets(pods('tenant/on-worker')), 'Deny'),
          "role == 'worker'",
        );
        await refused({ from: 'tenant/on-worker', to: edge(), port: 80 });
        await allowed({
          from: 'tenant/on-worker',
          to: [...vip('edge'), ...(SECOND_NIC['edge'] ?? [])],
          port: 80,
        });
        await withObjects({ plus: web }, () =>
          refused({
            from: 'tenant/on-worker',
            to: [...vip('edge'), ...(SECOND_NIC['edge'] ?? [])],
            port: 80,
          }),
        );
      },
      WITHIN,
    );

    test(
      "with natOutgoingExclusions it keeps its address towards nodes, and has its node's address towards addresses that Kubernetes does not know",
      async () => {
        const settings = {
          during: { natOutgoingExclusions: 'IPPoolsAndHostIPs' },
          afterwards: { natOutgoingExclusions: 'IPPoolsOnly' },
        };
        await withFelixSettings(cluster(), settings, async () => {
          expect(await seenFrom('tenant/on-worker', edge())).toEqual(pods('tenant/on-worker'));
          expect(await seenFrom('tenant/on-worker', vip('edge'))).toEqual(worker());
        });
      },
      WITHIN,
    );
  });

  describe.each(ENFORCED)('on lo of %s', (node) => {
    const own = (): readonly string[] => stage().node(node).addresses;
    const oneself = (): Attempt => ({
      from: node,
      to: [...own(), ...vip(node), ...LOOPBACK],
      port: KUBELET,
    });
    const endpoint = byHand.lo.filter(({ metadata }) => metadata.name === `${node}-lo`);
    const foreign = (name: string) =>
      byHand.object('HostEndpoint', name, {
        ...{ node, interfaceName: 'lo', profiles: ['projectcalico-default-allow'] },
      });

    test(
      'a node reaches itself by an endpoint of its own, which has policies in both layers',
      async () => {
        await allowed(oneself());
        await withObjects({ minus: endpoint }, () => refused(oneself()));
        const [ports] = byHand.both('lo', 1, []);
        await withObjects({ minus: [ports] }, () => refused({ ...oneself(), to: [...edge(), ...LOOPBACK] }));
      },
      WITHIN,
    );

    test(
      "another client's endpoint replaces it if its name sorts first",
      async () => {
        await withObjects({ plus: [foreign('aaa-lo')] }, () =>
          refused({ ...oneself(), to: [...edge(), ...LOOPBACK] }),
        );
        await withObjects({ plus: [foreign('zzz-lo')] }, () => allowed(oneself()));
      },
      WITHIN,
    );
  });

  test.each(ENFORCED)(
    'does not judge what is delivered through an interface for which others have an endpoint, save in the ports layer: %s',
    async (node) => {
      const eth0 = byHand.object('HostEndpoint', 'zzz-eth0', {
        ...{ node, interfaceName: 'eth0', profiles: ['projectcalico-default-allow'] },
      });
      const probe = (to: readonly string[]): Attempt => ({ from: 'world', to, port: UNLISTED });
      const [own, second] = [stage().node(node).addresses, SECOND_NIC[node] ?? []];
      await refused(probe([...own, ...vip(node), ...second]));
      await withObjects({ plus: [eth0] }, async () => {
        await allowed(probe(vip(node)));
        await refused(probe([...own, ...second]));
      });
    },
    WITHIN,
  );

  test.each(ENFORCED)(
    'drops INVALID packets, also of whom everything is allowed to: %s',
    async (node) => {
      const strict = (value: 0 | 1): Promise<string> =>
        on(node, 'sh', '-c', `echo ${value} >/proc/sys/net/netfilter/nf_conntrack_tcp_loose`);
      await strict(0);
      try {
        expect(await survivesForgetting(node)).toBe(false);
        await withObjects({ minus: byHand.hostEndpoints }, async () => {
          expect(await survivesForgetting(node)).toBe(true);
        });
      } finally {
        await strict(1);
      }
    },
    WITHIN,
  );

  /**
   * True when a connection continues although conntrack forgot it. Its next packet then belongs to no known
   * connection.
   */
  async function survivesForgetting(node: string): Promise<boolean> {
    const host = stage().node(node).address;
    const control = { address: host, port: 9998 };
    const trusted = stage().endpoint('trusted');
    const flow = await trusted.flow({ host, port: UNLISTED, control }, { kind: 'established' });
    const answered = async (): Promise<number> => (await flow.tally()).answered;
    await waitFor(async () => (await answered()) > 10 || undefined, { what: 'the flow', within: 10_000 });
    await on(node, 'conntrack', '-D', '-p', 'tcp', '--dport', String(UNLISTED));
    const { sent, answered: before } = await flow.tally();
    await waitFor(async () => (await flow.tally()).sent > sent + 50 || undefined, {
      what: 'another second of the flow',
      within: 10_000,
    });
    const after = (await flow.stop()).answered;
    return after > before + 25;
  }

  test.each([
    {
      node: 'edge',
      title:
        'in iptables keeps what it lets through from the INPUT rules that follow, unless iptablesFilterAllowAction is Return',
    },
    { node: 'worker', title: 'in nftables leaves what it lets through to the INPUT rules of others' },
  ])(
    '$title',
    async ({ node }) => {
      const drop = ['INPUT', '-p', 'tcp', '--dport', String(UNLISTED), '-j', 'DROP'];
      const probe: Attempt = { from: 'trusted', to: [stage().node(node).address], port: UNLISTED };
      await on(node, 'iptables', '-A', ...drop);
      try {
        await (node === 'edge' ? allowed(probe) : refused(probe));
        if (node === 'edge') await withFelixSettings(cluster(), RETURNING, () => refused(probe));
        await withObjects({ minus: byHand.hostEndpoints }, () => refused(probe));
      } finally {
        await on(node, 'iptables', '-D', ...drop);
      }
    },
    WITHIN,
  );

  test(
    'a negative selector in a rule of others matches our sets, unless it is limited to a namespace',
    async () => {
      const set = byHand.object('GlobalNetworkSet', 'probe', { nets: WORLD }, { 'by-hand/probe': '' });
      const rule = (source: object) =>
        byHand.object('GlobalNetworkPolicy', 'others-rule', {
          ...{ order: 100, types: ['Ingress'], namespaceSelector: "projectcalico.org/name == 'shop'" },
          ingress: [{ action: 'Allow', source }],
        });
      const probe: Attempt = { from: 'world', to: stage().endpoint('shop/front').addresses, port: 8080 };
      const negative = { selector: "tenant != 'bad'" };
      await withObjects({ plus: [rule(negative)] }, () => refused(probe));
      await withObjects({ plus: [rule(negative), set] }, () => allowed(probe));
      const bound = { ...negative, namespaceSelector: 'has(projectcalico.org/name)' };
      await withObjects({ plus: [rule(bound), set] }, () => refused(probe));
    },
    WITHIN,
  );

  test('Felix programmed everything at the first attempt', async () => {
    expect(await complaints(cluster())).toEqual([]);
  });
});
