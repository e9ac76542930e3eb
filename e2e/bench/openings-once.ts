/**
 * Judges once, in this fresh process, what policies of others open, and then again. Prints milliseconds, bytes and
 * judgements as JSON. Arguments: number of namespaces, and of policies of others.
 */
import { inForce } from '../../src/assertions/in-force.ts';
import type { ClusterFirewall } from '../../src/api/schema.ts';
import { compile } from '../../src/compiler/compile.ts';
import { UNKNOWN_CLUSTER } from '../../src/inventory/types.ts';
import { parseCidr } from '../../src/net/cidr.ts';
import { judgeOpenings } from '../../src/openings/judge.ts';
import type { OpeningWorlds } from '../../src/openings/types.ts';
import { storedWorld } from '../../src/questions/world.ts';
import { count, firewall, groupByLabel, namespaceName } from './load.ts';

const GROUPS = 10;
const RULES = 10;
const POOL = '10.128.0.0/9';
const CALICO = { apiVersion: 'projectcalico.org/v3' };

const labelsOf = (index: number) => ({
  'kubernetes.io/metadata.name': namespaceName(index),
  'example.com/group': `group-${String(index % GROUPS)}`,
});

/** One half says what the firewall says already, and the other half lets in a port more. */
const theirs = (index: number): object => ({
  ...CALICO,
  kind: 'GlobalNetworkPolicy',
  metadata: { name: `theirs-${String(index)}` },
  spec: {
    order: 100 + index,
    selector: `app == 'app-${String(index % RULES)}'`,
    namespaceSelector: `example.com/group == 'group-${String(index % GROUPS)}'`,
    types: ['Ingress'],
    ingress: [
      {
        action: 'Allow',
        protocol: 'TCP',
        source: { nets: ['198.51.100.0/25'] },
        destination: { ports: [8000 + (index % RULES), ...(index % 2 === 0 ? [] : [9000])] },
      },
    ],
  },
});

function worlds(namespaces: number, policies: number): OpeningWorlds {
  const all = count(namespaces);
  const others = storedWorld(
    [
      ...all.map((index) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespaceName(index), labels: labelsOf(index) },
      })),
      { ...CALICO, kind: 'IPPool', metadata: { name: 'pods' }, spec: { cidr: POOL } },
      ...count(policies).map(theirs),
    ],
    ['Pod', 'ServiceAccount', 'EndpointSlice'],
  );
  const groups = count(GROUPS).map((index) => groupByLabel(`group-${String(index)}`, RULES));
  const compilation = compile([firewall({ namespaces: groups }) as unknown as ClusterFirewall], {
    ...UNKNOWN_CLUSTER,
    namespaces: all.map((index) => ({ name: namespaceName(index), labels: labelsOf(index) })),
    nodes: [{ name: 'node-1', labels: {}, addresses: ['10.0.0.1'] }],
    ipPools: [POOL],
  });
  return {
    others,
    inForce: inForce(others, [], compilation),
    services: { named: undefined },
    podNets: [parseCidr(POOL)],
  };
}

const [namespaces = 1000, policies = 500] = process.argv.slice(2).map(Number);
const world = worlds(namespaces, policies);
const objects = count(policies).map((index) => `GlobalNetworkPolicy/theirs-${String(index)}`);
const before = process.resourceUsage().maxRSS * 1024;

function timed(): { readonly milliseconds: number; readonly judged: object } {
  const began = performance.now();
  const judged = judgeOpenings(world, objects);
  const counts = Object.groupBy([...judged.values()], ({ is }) => is);
  return {
    milliseconds: performance.now() - began,
    judged: Object.fromEntries(Object.entries(counts).map(([is, of]) => [is, of.length])),
  };
}

const [first, again] = [timed(), timed()];
process.stdout.write(
  `${JSON.stringify({ cold: first.milliseconds, warm: again.milliseconds, before, memory: process.resourceUsage().maxRSS * 1024, judged: first.judged })}\n`,
);
