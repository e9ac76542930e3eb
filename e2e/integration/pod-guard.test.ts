import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import type { CalicoMode, StartedCluster } from '../cluster.ts';
import { nativeCrdsFolder } from '../harness/native-crds.ts';
import { localCluster } from '../providers/local.ts';
import { podGuard } from './pod-guard.suite.ts';

// Each test starts several processes of kubectl, on a machine that may be busy with other tests.
jest.setTimeout(120_000);

const CONTROLLERS = [
  'deployment-controller',
  'replicaset-controller',
  'daemonset-controller',
  'validatingadmissionpolicy-status-controller',
];

describe.each(['aggregated', 'native'] as const)('the guard of pods, with Calico %s', (mode) => {
  let cluster: StartedCluster;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pod-guard-'));
    const calico: CalicoMode = mode === 'native' ? { mode, crds: await nativeCrdsFolder(folder) } : { mode };
    cluster = await localCluster({ calico, nodes: [], controllers: CONTROLLERS }).start();
  }, 600_000);

  afterAll(async () => {
    await cluster.stop();
    await rm(folder, { recursive: true });
  }, 60_000);

  podGuard(() => cluster);
});
