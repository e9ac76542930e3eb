/**
 * Compiles once in this fresh process, and then again. Prints milliseconds and the number of objects as JSON.
 * Argument: number of namespaces.
 */
import { compile } from '../../src/compiler/compile.ts';
import type { ClusterFirewall } from '../../src/api/schema.ts';
import { UNKNOWN_CLUSTER } from '../../src/inventory/types.ts';
import { count, firewall, groupByLabel, namespaceName } from './load.ts';

export interface CompileTimes {
  readonly cold: number;
  readonly warm: readonly number[];
  readonly objects: number;
}

const AGAIN = 10;
const RULES = 10;

/** The same content in new objects each time, so the compiler cannot recognise any by identity. */
function inputs(namespaces: number): Parameters<typeof compile> {
  const object = structuredClone(firewall({ namespaces: [groupByLabel('apps', RULES)] }));
  return [
    [object as unknown as ClusterFirewall],
    {
      ...UNKNOWN_CLUSTER,
      namespaces: count(namespaces).map((index) => ({
        name: namespaceName(index),
        labels: { 'kubernetes.io/metadata.name': namespaceName(index), 'example.com/group': 'apps' },
      })),
      nodes: [{ name: 'node-1', labels: {}, addresses: ['10.0.0.1'] }],
    },
  ];
}

function timed(namespaces: number): { readonly milliseconds: number; readonly objects: number } {
  const [firewalls, inventory] = inputs(namespaces);
  const began = performance.now();
  const { objects } = compile(firewalls, inventory);
  return { milliseconds: performance.now() - began, objects: objects.length };
}

const namespaces = Number(process.argv[2]);
const first = timed(namespaces);
const times: CompileTimes = {
  cold: first.milliseconds,
  warm: count(AGAIN).map(() => timed(namespaces).milliseconds),
  objects: first.objects,
};
process.stdout.write(JSON.stringify(times));
