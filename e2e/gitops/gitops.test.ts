/**
 * Runs Argo CD's own code on our manifests and on ClusterFirewalls that the operator works on. It applies
 * them, finds no difference afterwards in any of its ways, and reports their health.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { waitFor } from '../wait.ts';
import { checkApplication, modifications, prepareArgo, type KubernetesObject } from './argo.ts';
import { healthTests } from './health.suite.ts';
import { listTests } from './lists.suite.ts';
import { otherWriterTests } from './other-writers.suite.ts';
import { edgeCases, firewall } from './specs.ts';
import { sample, startStage, tracked, type GitOpsStage } from './stage.ts';

jest.setTimeout(180_000);

const ROOT = path.resolve(import.meta.dirname, '../..');
const samples = (await readdir(path.join(ROOT, 'config/samples'))).filter((name) => name.endsWith('.yaml'));

beforeAll(prepareArgo, 900_000);

test('Argo CD knows all fields of the Application, and its path exists', async () => {
  const application = load(
    await readFile(path.join(ROOT, 'config/argocd/application.yaml'), 'utf8'),
  ) as Application;
  await checkApplication(application);
  expect(await readdir(path.join(ROOT, application.spec.source.path))).toContain('kustomization.yaml');
  const misspelt = { ...application, spec: { ...application.spec, syncPolicies: {} } };
  await expect(checkApplication(misspelt)).rejects.toThrow('unknown field "syncPolicies"');
});

interface Application {
  readonly spec: { readonly source: { readonly path: string } };
}

const isFirewall = ({ kind }: { readonly kind: string }): boolean => kind === 'ClusterFirewall';
const waveOf = ({ metadata }: KubernetesObject): number =>
  Number(metadata.annotations?.['argocd.argoproj.io/sync-wave']);
const byWave = (objects: readonly KubernetesObject[]): readonly KubernetesObject[] =>
  [...objects].sort((a, b) => waveOf(a) - waveOf(b));

/** Syncs wave by wave. A sync waits until a kind is served before it creates objects of it. */
async function syncAll({ cluster, argo, manifests }: GitOpsStage): Promise<void> {
  const others = byWave(manifests).filter((each) => !isFirewall(each));
  await argo.sync(others);
  await waitFor(() => cluster.kubectl(['get', 'clusterfirewalls']), { what: 'the CRD', within: 30_000 });
  await argo.sync(manifests.filter(isFirewall));
}

/** The spec that a firewall needs before spec.nodes can be removed. */
function withoutNodes(wanted: KubernetesObject): KubernetesObject {
  const spec = wanted.spec as Readonly<Record<string, object | undefined>>;
  if (spec['nodes'] === undefined) return wanted;
  return { ...wanted, spec: { ...spec, nodes: { ...spec['nodes'], mode: 'Disabled' } } };
}

describe.each([
  {
    way: 'client-side, without Calico',
    options: { calico: 'none', serverSideApply: false },
    health: { status: 'Progressing', message: expect.stringMatching(/^CalicoNotInstalled: ./) },
  },
  {
    way: 'server-side',
    options: { calico: 'aggregated', serverSideApply: true },
    health: { status: 'Healthy', message: 'Observed only, nothing is dropped: every rule is programmed' },
  },
] as const)('synced $way', ({ options, health }) => {
  let stage: GitOpsStage;
  beforeAll(async () => {
    stage = await startStage(options);
    await syncAll(stage);
  }, 300_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);

  test('a ClusterFirewall that the operator has not seen is progressing', async () => {
    const firewalls = stage.manifests.filter(isFirewall);
    const [judged] = await stage.argo.judge(firewalls);
    expect(judged?.health).toEqual({
      status: 'Progressing',
      message: 'Waiting for the operator to look at it',
    });
  });

  test('waves: the CRD, RBAC, the operator, and the firewall, which no sync removes', async () => {
    const judged = await stage.argo.judge(stage.manifests);
    const waves = [...new Set(judged.map(({ wave }) => wave))].sort((a, b) => a - b);
    const kinds = waves.map((each) =>
      judged
        .filter(({ wave }) => wave === each)
        .map(({ kind }) => kind)
        .sort(),
    );
    expect(kinds).toEqual([
      ['CustomResourceDefinition', 'Namespace'],
      expect.arrayContaining([
        'ClusterRole',
        'ClusterRoleBinding',
        'ServiceAccount',
        'ValidatingAdmissionPolicy',
      ]),
      ['Deployment'],
      ['ClusterFirewall'],
    ]);
    const kept = judged
      .filter((each) => each.prune === 'false' && each.delete === 'false')
      .map(({ kind }) => kind);
    expect(kept.sort()).toEqual(['ClusterFirewall', 'CustomResourceDefinition']);
  });

  test('the installed objects show no difference, before the operator runs and after', async () => {
    const { argo, manifests } = stage;
    expect(modifications(await argo.judge(manifests))).toEqual([]);
    await stage.startOperator();
    for (const each of manifests.filter(isFirewall)) await stage.becomes(each, health.status);
    const judged = await argo.judge(manifests);
    expect(modifications(judged)).toEqual([]);
    expect(judged.find(isFirewall)?.health).toEqual(health);
  });

  test.each(samples)('%s shows no difference once the operator has seen it', async (name) => {
    const wanted = await sample(name);
    expect(await stage.settle(wanted)).toEqual(wanted.spec);
    expect(modifications(await stage.argo.judge([wanted]))).toEqual([]);
    await stage.settle(withoutNodes(wanted));
  });

  test('enforced nodes are removed in two syncs: the first one disables them', async () => {
    const wanted = tracked(firewall({ nodes: { mode: 'Enforce' } }));
    await stage.settle(wanted);
    await expect(stage.argo.sync([tracked(firewall())])).rejects.toThrow('set nodes.mode to Disabled first');
    await stage.settle(withoutNodes(wanted));
    expect(await stage.settle(tracked(firewall()))).toEqual(firewall().spec);
  });

  test.each(edgeCases)('$what: stored as in Git, without a difference', async ({ spec }) => {
    const wanted = tracked(firewall(spec));
    expect(await stage.settle(wanted)).toEqual(wanted.spec);
    expect(modifications(await stage.argo.judge([wanted]))).toEqual([]);
  });

  test('a change by another client is a difference in each way', async () => {
    const wanted = tracked(firewall());
    await stage.settle(wanted);
    const patch = JSON.stringify({ spec: { mode: 'Observe' } });
    await stage.cluster.kubectl(['patch', 'clusterfirewall', 'default', '--type=merge', '-p', patch]);
    const ways = modifications(await stage.argo.judge([wanted])).map(({ way }) => way);
    expect(ways).toEqual(['threeWay', 'structuredMerge', 'serverSide']);
  });

  test('a misspelt field: refused when synced server-side, dropped otherwise', async () => {
    await stage.settle(tracked(firewall()));
    const misspelt = tracked(firewall({ guardrail: [] }));
    if (options.serverSideApply) {
      await expect(stage.argo.sync([misspelt])).rejects.toThrow(
        'spec.guardrail: field not declared in schema',
      );
    } else {
      expect(await stage.settle(misspelt)).toEqual({ mode: 'Enforce' });
    }
  });

  describe('lists of named items', () => {
    listTests(() => stage, options);
  });

  if (options.serverSideApply) {
    describe('with other writers', () => {
      otherWriterTests(() => stage);
    });
    describe('health', () => {
      healthTests(() => stage);
    });
  }
});
