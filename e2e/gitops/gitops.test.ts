/**
 * What Argo CD's own code makes of our manifests and of ClusterFirewalls that the operator works on: it applies them, sees no difference
 * afterwards, in whichever way it looks, and knows how healthy they are.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { waitFor } from '../local/wait.ts';
import { checkApplication, prepareArgo, type Judgement, type KubernetesObject } from './argo.ts';
import { badRule, edgeCases, firewall, invalid } from './specs.ts';
import { sample, startStage, tracked, type GitOpsStage } from './stage.ts';

jest.setTimeout(180_000);

const ROOT = path.resolve(import.meta.dirname, '../..');
const samples = (await readdir(path.join(ROOT, 'config/samples'))).filter((name) => name.endsWith('.yaml'));

beforeAll(prepareArgo, 900_000);

test('the Application has no field that Argo CD does not know, and its path is there', async () => {
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

/** What is modified, in which way, and how. */
const modifications = (judgements: readonly Judgement[]) =>
  judgements.flatMap(({ kind, name, threeWay, structuredMerge, serverSide }) =>
    Object.entries({ threeWay, structuredMerge, serverSide })
      .filter(([, { modified }]) => modified)
      .map(([way, { live, predicted }]) => ({ kind, name, way, live, predicted })),
  );

const isFirewall = ({ kind }: { readonly kind: string }): boolean => kind === 'ClusterFirewall';
const waveOf = ({ metadata }: KubernetesObject): number =>
  Number(metadata.annotations?.['argocd.argoproj.io/sync-wave']);
const byWave = (objects: readonly KubernetesObject[]): readonly KubernetesObject[] =>
  [...objects].sort((a, b) => waveOf(a) - waveOf(b));

/** Wave by wave; a kind must be known before there can be objects of it, which a sync waits for, too. */
async function syncAll({ cluster, argo, manifests }: GitOpsStage): Promise<void> {
  const others = byWave(manifests).filter((each) => !isFirewall(each));
  await argo.sync(others);
  await waitFor(() => cluster.kubectl(['get', 'clusterfirewalls']), { what: 'the CRD', within: 30_000 });
  await argo.sync(manifests.filter(isFirewall));
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

  test('a ClusterFirewall that nobody has looked at is progressing', async () => {
    const firewalls = stage.manifests.filter(isFirewall);
    const [judged] = await stage.argo.judge(firewalls);
    expect(judged?.health).toEqual({
      status: 'Progressing',
      message: 'Waiting for the operator to look at it',
    });
  });

  test('waves: the CRD, what the operator may, the operator, and the firewall, which no sync removes', async () => {
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

  test('what the Application installs shows no difference, before the operator runs and after', async () => {
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
  });

  test.each(edgeCases)('$what: stored as it stands in Git, and no difference', async ({ spec }) => {
    const wanted = tracked(firewall(spec));
    expect(await stage.settle(wanted)).toEqual(wanted.spec);
    expect(modifications(await stage.argo.judge([wanted]))).toEqual([]);
  });

  test('a list of rules that is emptied is stored so, and shows no difference, after a second sync at the latest', async () => {
    await stage.settle(tracked(firewall({ peers: [{ name: 'p', cidrs: ['203.0.113.0/24'] }] })));
    const wanted = tracked(firewall({ peers: [] }));
    await stage.settle(wanted);
    expect(await stage.settle(wanted)).toEqual(wanted.spec);
    expect(modifications(await stage.argo.judge([wanted]))).toEqual([]);
  });

  test('a change by somebody else is a difference, in each way', async () => {
    const wanted = tracked(firewall());
    await stage.settle(wanted);
    const patch = JSON.stringify({ spec: { mode: 'Observe' } });
    await stage.cluster.kubectl(['patch', 'clusterfirewall', 'default', '--type=merge', '-p', patch]);
    const ways = modifications(await stage.argo.judge([wanted])).map(({ way }) => way);
    expect(ways).toEqual(['threeWay', 'structuredMerge', 'serverSide']);
  });
});

describe('health', () => {
  let stage: GitOpsStage;
  beforeAll(async () => {
    stage = await startStage({ calico: 'aggregated', serverSideApply: true });
    await syncAll(stage);
    await stage.startOperator();
  }, 300_000);
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  }, 60_000);

  const synced = async (spec: object): Promise<KubernetesObject> => {
    const wanted = tracked(firewall(spec));
    await stage.argo.sync([wanted]);
    return wanted;
  };

  test('enforced: healthy', async () => {
    expect(await stage.becomes(await synced({}), 'Healthy')).toBe('every rule is programmed');
  });

  test('observed: healthy, and it says so', async () => {
    const wanted = await synced({ mode: 'Observe' });
    await stage.settle(wanted);
    expect(await stage.becomes(wanted, 'Healthy')).toBe(
      'Observed only, nothing is dropped: every rule is programmed',
    );
  });

  test('one bad rule: degraded, with the rule and what is wrong with it', async () => {
    expect(await stage.becomes(await synced(badRule), 'Degraded')).toMatch(
      /^UnknownPeer: default\/blog\/ingress\/web: peer "nobody" is not in spec\.peers/,
    );
  });

  test('a spec that is not valid: degraded, with the field', async () => {
    const said = await stage.becomes(await synced(invalid), 'Degraded');
    expect(said).toMatch(/^Invalid: spec\.namespaces\[0\]\.ingress\[0\]\.ports\[0\] /);
  });

  test('mended: healthy again', async () => {
    await stage.becomes(await synced({}), 'Healthy');
  });

  test('a newer generation than the operator has seen, and a deletion under way: progressing', async () => {
    await stage.stopOperator();
    const wanted = await synced({ mode: 'Observe' });
    expect(await stage.becomes(wanted, 'Progressing')).toBe('Waiting for the operator to look at it');
    await stage.cluster.kubectl(['delete', 'clusterfirewall', 'default', '--wait=false']);
    expect(await stage.becomes(wanted, 'Progressing')).toBe('Pending deletion');
  });
});
