/**
 * conntrack*.txt and nf-conntrack.txt are recordings of one router, which has the addresses of the cluster in
 * src/cli/questions/golden. calico-node.txt is written after the format of Calico 3.31, calico-node-recorded.txt
 * by its reader.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Flow } from './flow.ts';
import { FlowLineError, flowReader } from './reader.ts';

const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, 'fixtures', `${name}.txt`), 'utf8');

function read(text: string): readonly Flow[] {
  const flows: Flow[] = [];
  const reader = flowReader((flow) => flows.push(flow));
  for (const line of text.split('\n')) reader.line(line);
  reader.end();
  return flows;
}

/** `line: message`. */
function failure(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof FlowLineError) return `${String(error.line)}: ${error.message}`;
    throw error;
  }
  return 'none';
}

const LINE =
  'ipv4     2 tcp      6 431996 ESTABLISHED src=10.244.2.10 dst=10.96.0.20 sport=50264 dport=8080 src=10.244.2.11 dst=10.244.2.10 sport=3306 dport=50264 [ASSURED] mark=0 use=1';

describe('connection tracking', () => {
  test('has the destination before and after NAT', () => {
    expect(read(LINE)).toEqual([
      {
        from: { kind: 'address', address: '10.244.2.10' },
        to: { kind: 'address', address: '10.244.2.11' },
        protocol: 6,
        port: 3306,
        sent: { address: '10.96.0.20', port: 8080 },
        connections: 1,
        answered: true,
      },
    ]);
  });

  test('is read alike from conntrack, with and without -o extended, and from /proc', () => {
    const flows = read(fixture('conntrack'));
    expect(flows).toHaveLength(10);
    const sorted = (name: string) =>
      read(fixture(name))
        .map((flow) => JSON.stringify(flow))
        .sort();
    expect(sorted('conntrack-plain')).toEqual(sorted('conntrack'));
    expect(sorted('nf-conntrack')).toEqual(sorted('conntrack'));
  });

  test('has ICMP by its type, and knows what nobody answered', () => {
    const flows = read(fixture('conntrack'));
    expect(flows.filter(({ icmpType }) => icmpType === 8)).toHaveLength(1);
    expect(flows.filter(({ answered }) => answered === false).map(({ port }) => port)).toEqual([5]);
  });

  test('a TCP connection that was only reset has no answer', () => {
    const [flow] = read(LINE.replace('431996 ESTABLISHED', '9 CLOSE').replace('[ASSURED] ', ''));
    expect(flow?.answered).toBe(false);
  });

  test('IPv6 addresses are canonical', () => {
    const text =
      'ipv6     10 udp      17 29 src=2001:0db8:0000:0000:0000:0000:0000:0010 dst=2001:0db8::11 sport=9 dport=53 packets=1 bytes=76 src=2001:db8::11 dst=2001:db8::10 sport=53 dport=9 packets=1 bytes=90 mark=0 zone=0 use=2';
    expect(read(text)[0]).toMatchObject({
      from: { address: '2001:db8::10' },
      to: { address: '2001:db8::11' },
      port: 53,
    });
    expect(read(text)[0]?.sent).toBeUndefined();
  });
});

describe('flow logs of Calico', () => {
  test('calico-node -flows: names, counts, and the verdict on staged policies', () => {
    const flows = read(fixture('calico-node'));
    expect(flows.map((flow) => ({ ...flow, policies: undefined }))).toEqual([
      {
        from: { kind: 'name', namespace: 'wordpress', name: 'blog-6d9f-*', of: 'pod' },
        to: { kind: 'name', namespace: 'wordpress', name: 'mariadb-*', of: 'pod' },
        protocol: 6,
        port: 3306,
        connections: 2,
        answered: true,
        lastSeen: Date.UTC(2026, 10, 29, 10, 0, 3),
        pending: { at: 'source', verdict: 'Allowed' },
      },
      expect.objectContaining({
        port: 9104,
        connections: 3,
        pending: { at: 'destination', verdict: 'Denied' },
      }),
      {
        from: { kind: 'name', namespace: 'wordpress', name: 'blog-6d9f-*', of: 'pod' },
        to: { kind: 'network', isPublic: true },
        protocol: 17,
        port: 123,
        connections: 1,
        answered: false,
        lastSeen: Date.UTC(2026, 10, 29, 10, 0, 6),
      },
    ]);
  });

  test('calico-node -flows: the policies that were asked, which are printed in any order', () => {
    const pass = {
      kind: 'GlobalNetworkPolicy',
      namespace: '',
      name: 'g0',
      tier: 'early',
      action: 'Pass',
      rule: 1,
    };
    const admin = {
      kind: 'GlobalNetworkPolicy',
      namespace: '',
      name: 'kanp.adminnetworkpolicy.a0',
      tier: 'adminnetworkpolicy',
    };
    const end = { kind: 'EndOfTier', namespace: '', name: '', rule: -1 };
    const all = [
      pass,
      { ...end, tier: 'adminnetworkpolicy', action: 'Pass', trigger: admin },
      { kind: 'NetworkPolicy', namespace: 'red', name: 'k0', tier: 'default', action: 'Allow', rule: 0 },
    ];
    const denied = [pass, { ...admin, action: 'Deny', rule: 0 }];
    const flows = read(fixture('calico-node-recorded'));
    expect(flows.slice(0, 2).map(({ policies }) => policies)).toEqual([
      { at: 'destination', enforced: all, pending: all, started: 1 },
      { at: 'destination', enforced: denied, pending: denied, started: 2 },
    ]);
    expect(flows[2]?.policies?.pending.at(-1)).toEqual({
      ...end,
      tier: 'default',
      action: 'Deny',
      trigger: { kind: 'StagedGlobalNetworkPolicy', namespace: '', name: 's0', tier: 'default' },
    });
    expect(flows.map(({ pending }) => pending?.verdict)).toEqual(['Allowed', 'Denied', 'Denied']);
  });

  test.each([
    ['icmp6', 58],
    ['ipip', 4],
    ['esp', 50],
    ['47', 47],
  ])('calico-node -flows: protocol %s', (name, protocol) => {
    expect(read(fixture('calico-node').replace('tcp(3306)', `${name}(0)`))[0]?.protocol).toBe(protocol);
  });

  test('calico-node -flows: ICMP has its type in place of the port', () => {
    const [flow] = read(fixture('calico-node').replace('tcp(3306)', 'icmp(2048)'));
    expect(flow).toMatchObject({ protocol: 1, port: 0, icmpType: 8 });
  });

  const WHISKER = {
    start_time: '2026-11-29T10:00:00Z',
    end_time: '2026-11-29T10:00:15Z',
    action: 'Allow',
    source_name: 'PRIVATE NETWORK',
    source_namespace: '-',
    source_labels: '',
    dest_name: 'mariadb-*',
    dest_namespace: 'wordpress',
    dest_labels: 'app=mariadb',
    protocol: 'tcp',
    dest_port: 3306,
    reporter: 'Dst',
    policies: { enforced: [], pending: [{ kind: 'EndOfTier', action: 'Deny' }] },
    packets_in: 3,
    packets_out: 2,
    bytes_in: 180,
    bytes_out: 120,
  };

  test("Whisker's list, and its stream", () => {
    const flow = {
      from: { kind: 'network', isPublic: false },
      to: { kind: 'name', namespace: 'wordpress', name: 'mariadb-*' },
      protocol: 6,
      port: 3306,
      connections: 1,
      answered: true,
      lastSeen: Date.UTC(2026, 10, 29, 10, 0, 15),
      pending: { at: 'destination', verdict: 'Denied' },
    };
    expect(read(JSON.stringify({ meta: { totalPages: 1 }, items: [WHISKER] }, undefined, 2))).toEqual([flow]);
    const first = { kind: 'EndOfTier', action: 'Pass', policy_index: 0 };
    const last = { kind: 'EndOfTier', action: 'Deny', policy_index: 1 };
    const disordered = { ...WHISKER, policies: { enforced: [], pending: [last, first] } };
    expect(read(JSON.stringify([disordered]))).toEqual([flow]);
    expect(read(`data: ${JSON.stringify(WHISKER)}\n\ndata: ${JSON.stringify(WHISKER)}\n`)).toEqual([
      flow,
      flow,
    ]);
  });

  test.each([
    [{ ...WHISKER, dest_port: '3306' }, '1: is JSON, but not flows'],
    [{ ...WHISKER, protocol: 'quic' }, '1: has an unknown protocol, "quic"'],
    ['flow', '1: is JSON, but not flows'],
  ])('a flow that is none is refused: %j', (flow, message) => {
    expect(failure(JSON.stringify({ items: [flow] }))).toContain(message);
  });
});

describe('bad input', () => {
  test.each([
    ['half a line', `${LINE}\n${LINE.slice(0, 120)}`, '2: is no entry of connection tracking'],
    [
      'fewer entries than conntrack says',
      `${LINE}\nconntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.`,
      '2: has 1 connections, and conntrack says that it printed 2',
    ],
    ['a message between entries', `${LINE}\nsudo: unable to resolve host`, '2: is no entry'],
    ['colours', `${LINE}\n\u001b[31m${LINE}`, '2: has colours'],
    [
      'an octal address',
      LINE.replace('10.96.0.20', '10.096.0.20.1'),
      '1: has an address that cannot be read',
    ],
    [
      'half a flow',
      fixture('calico-node').split('\n').slice(0, 3).join('\n'),
      '3: ends in the middle of a flow',
    ],
    [
      'a flow without ends',
      fixture('calico-node').replace(/^ {2}Src=.*\n/m, ''),
      '2: is not as `calico-node -flows`',
    ],
    ['half a list', '{"items": [', '1: is no whole JSON'],
    ['other JSON', '{"kind": "Pod"}', '1: is JSON, but not flows'],
    ['a packet filter', '# Generated by iptables-save v1.8.9', '1: is a dump of a packet filter'],
    ['XML', '<?xml version="1.0" encoding="utf-8"?>', '1: is XML'],
    ['events', '    [NEW] tcp      6 120 SYN_SENT src=10.0.0.1', '1: is the output of conntrack -E'],
    ['sockets', 'Netid State  Recv-Q Send-Q', '1: lists sockets'],
    ['another text', 'NAME READY STATUS', '1: is no source of flows: give the output of'],
  ])('%s', (_, text, message) => {
    expect(failure(text)).toContain(message);
  });

  test('a text without lines has no flows', () => {
    expect(read('\n')).toEqual([]);
  });
});
