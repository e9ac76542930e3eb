/**
 * Cases from public reports: a manifest, its cluster, and the verdicts that are right, as comments. The verdicts
 * are asked of the simulator, about the objects that the manifest compiles to.
 *
 *     # expect: as written | refused …
 *     # warns: PATH | MESSAGE
 *     # pod: NAMESPACE/NAME ADDRESS label=value,…
 *     # verdict: SRC -> NODE[@ADDRESS] PROTO/PORT [dnat] [pods] [felix] [iface=X] = Allow|Deny
 *     # verdict: SRC -> pod NAMESPACE/NAME PROTO/PORT = Allow|Deny
 *
 * SRC is an address, `node:NAME[@ADDRESS]`, `NAMESPACE/NAME` of a pod, or `lo`. `dnat`: judged
 * before DNAT alone. `pods`: judged at the pod that sends. `felix`: Felix's own rules judge a part of the way. `iface=cali…`: the pod is on that node.
 */
import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { compileManifests } from '../../src/cli/manifests/compiled.ts';
import type { Diagnostic } from '../../src/cli/manifests/diagnostics.ts';
import { PROTOCOL } from '../../src/calico/read/protocols.ts';
import { Prepared, type PreparedNode } from '../../src/simulator/prepared.ts';
import { familyOf } from '../../src/simulator/packet.ts';
import { readWorld } from '../../src/simulator/snapshot.ts';
import type { Layer, Outcome } from '../../src/simulator/trail.ts';
import { walk, type Origin } from '../../src/simulator/walk.ts';

export interface Case {
  readonly expectation: string;
  /** Field and words of every warning that is right. */
  readonly warns: readonly (readonly [string, string])[];
  readonly diagnostics: readonly Diagnostic[];
  readonly verdicts: readonly { readonly text: string; readonly wanted: string; readonly seen: string }[];
}

interface CasePod {
  readonly name: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Question {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port: number;
  readonly flags: readonly string[];
}

type Objects = readonly object[];

/** @param inventory the cluster of a file without Nodes of its own */
export async function playCase(file: string, inventory: string): Promise<Case> {
  const text = readFileSync(file, 'utf8');
  const comments = (name: string): readonly string[] =>
    [...text.matchAll(new RegExp(`^# ${name}: (.*)$`, 'gm'))].map(([, rest = '']) => rest);
  const cluster = /^kind: Node$/m.test(text) ? file : inventory;
  const result = await compileManifests(
    { files: [file], inventory: cluster, operatorNamespace: 'clusterfirewall-system' },
    () => Promise.reject(new Error('nothing is read from stdin')),
  );
  const { diagnostics } = result;
  const expectation = comments('expect')[0] ?? '';
  const warns = comments('warns').map((line): readonly [string, string] => {
    const [path = '', message = ''] = line.split(' | ');
    return [path, message];
  });
  if (result.state === 'invalid') return { expectation, warns, diagnostics, verdicts: [] };
  const { objects, nodes } = result.compilation;
  const stored = [
    ...(loadAll(readFileSync(cluster, 'utf8')) as Objects),
    ...objects.map(({ object }) => object),
    felixWith(nodes?.failsafes ?? []),
  ];
  const pods = comments('pod').map(parsePod);
  const verdicts = comments('verdict').map((line) => {
    const { question, wanted } = parseVerdict(line);
    return { text: line, wanted, seen: answer(question, stored, pods) };
  });
  return { expectation, warns, diagnostics, verdicts };
}

function parsePod(text: string): CasePod {
  const [name = '', address = '', labels = ''] = text.split(' ');
  return {
    name,
    address,
    labels: Object.fromEntries(
      labels
        .split(',')
        .map((pair): readonly [string, string] => [pair.replace(/=.*/, ''), pair.replace(/^[^=]*=/, '')]),
    ),
  };
}

const VERDICT = /^(\S+) -> (pod )?(\S+) ([A-Za-z0-9]+)\/(\d+)((?: \S+)*?) = (Allow|Deny)/;

function parseVerdict(line: string): { readonly question: Question; readonly wanted: string } {
  const [, from, pod = '', to, protocol, port, flags = '', wanted] = VERDICT.exec(line) ?? [];
  if (from === undefined || to === undefined || protocol === undefined || wanted === undefined)
    throw new Error(`no verdict: ${line}`);
  return {
    question: { from, to: pod + to, protocol, port: Number(port), flags: flags.trim().split(' ') },
    wanted,
  };
}

/**
 * As Calico's manifests set it: pods reach their own node where no policy refuses it. Failsafes hide what rules
 * say, so only narrowed ones count.
 */
const felixWith = (failsafes: readonly object[]): object => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'FelixConfiguration',
  metadata: { name: 'default' },
  spec: { failsafeInboundHostPorts: failsafes, defaultEndpointToHostAction: 'Accept' },
});

/** `Allow`, `Deny`, or the simulator's own word with its reason. */
function answer(question: Question, stored: Objects, pods: readonly CasePod[]): string {
  const { from, to, protocol, port, flags } = question;
  const [node = '', address] = to.replace(/^pod .*/, '').split('@');
  const isOnNode = flags.some((flag) => flag.startsWith('iface=cali'));
  const world = readWorld([...stored, ...pods.map((pod) => podObject(pod, hostOf(node, isOnNode, stored)))]);
  const [problem] = world.problems;
  if (problem !== undefined)
    throw new Error(`${problem.kind} ${problem.name}: ${problem.field} ${problem.why}`);
  const prepared = new Prepared(world);
  const target = pods.find(({ name }) => `pod ${name}` === to);
  const destination = address ?? target?.address ?? prepared.node(node)?.node.addresses[0] ?? '';
  const [origin, source] = originOf(from, target === undefined ? node : hostOf('', false, stored), prepared);
  const family = familyOf(destination);
  const outcome = walk(
    prepared,
    origin,
    {
      family,
      protocol: numberOf(protocol),
      sourcePort: 40_000,
      port,
      icmpType: 8,
      icmpCode: 0,
      state: 'new',
    },
    { source: source ?? (from === 'lo' ? destination : ''), destination, port },
  );
  return verdictOf(outcome, flags);
}

/** In any case of letters, as rules take it. */
function numberOf(protocol: string): number {
  const found = Object.entries(PROTOCOL).find(([name]) => name.toUpperCase() === protocol.toUpperCase());
  if (found === undefined) throw new Error(`no protocol ${protocol}`);
  return found[1];
}

/** The node of a pod: the one that is asked about, or the last of the others. */
function hostOf(asked: string, isThere: boolean, stored: Objects): string {
  const nodes = stored.flatMap((each) => {
    const { kind, metadata } = each as { kind?: string; metadata?: { name: string } };
    return kind === 'Node' && metadata !== undefined ? [metadata.name] : [];
  });
  const others = nodes.filter((name) => name !== asked);
  return (isThere ? asked : (others.at(-1) ?? nodes[0])) ?? '';
}

function originOf(from: string, at: string, prepared: Prepared): readonly [Origin, string | undefined] {
  const nodeNamed = (name: string): PreparedNode => {
    const found = prepared.node(name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  };
  if (from === 'lo') return [{ kind: 'node', node: nodeNamed(at) }, undefined];
  const [, name, address] = /^node:([^@]+)(?:@(.+))?$/.exec(from) ?? [];
  if (name !== undefined) return [{ kind: 'node', node: nodeNamed(name) }, address];
  const pod = prepared.pod(from);
  if (pod !== undefined) return [{ kind: 'pod', pod }, pod.addresses[0]];
  return [{ kind: 'outside', at: nodeNamed(at) }, from];
}

const LAYERS: Readonly<Record<string, Layer>> = {
  dnat: 'host before DNAT',
  pods: 'pod egress',
};

/** A packet that does not come as far as the layer is judged by where it ends. */
function verdictOf({ steps, decisive }: Outcome, flags: readonly string[]): string {
  const wanted = flags.map((flag) => LAYERS[flag]).find((layer) => layer !== undefined);
  const { layer, decision } = steps.find((step) => step.layer === wanted) ?? decisive;
  if (decision.verdict === 'Allowed') return 'Allow';
  const isJudged = layer !== 'Service' && layer !== 'delivery';
  return decision.verdict === 'Denied' && isJudged
    ? 'Deny'
    : `${decision.verdict} at ${layer}: ${JSON.stringify(decision.by)}`;
}

const podObject = ({ name, address, labels }: CasePod, node: string): object => {
  const [namespace = '', own = ''] = name.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: own, labels },
    spec: { nodeName: node, containers: [{ ports: [] }] },
    status: { phase: 'Running', podIPs: [{ ip: address }] },
  };
};
