/** The operator's part of spec.nodes: objects, their order, and the status. */
import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { startRig, type Rig } from './controller-harness.ts';
import { API_MODES, type ApiMode } from '../harness/native-crds.ts';
import { automaticEndpoints } from './nodes-automatic.suite.ts';
import { failsafes } from './nodes-failsafes.suite.ts';
import { nodeQuestions } from './nodes-harness.ts';
import { unreadablePool } from './nodes-unreadable.suite.ts';
import { managedEndpoints } from './nodes-managed.suite.ts';

export const nodesTests = (mode: ApiMode): void => {
  jest.setTimeout(120_000);

  describe(`spec.nodes, ${mode} (${API_MODES[mode]})`, () => {
    let started: Rig | undefined;
    const rig = (): Rig => {
      if (started === undefined) throw new Error('the cluster did not start');
      return started;
    };

    beforeAll(async () => {
      started = await startRig(mode);
      const { join } = nodeQuestions(rig);
      await join('cp', '10.99.0.11', { 'node-role.kubernetes.io/control-plane': '' });
      await join('worker', '10.99.0.12');
    }, 180_000);
    afterAll(async () => {
      await started?.[Symbol.asyncDispose]();
    }, 60_000);

    managedEndpoints(rig);
    failsafes(rig, mode);
    if (mode === 'native') unreadablePool(rig);
    automaticEndpoints(rig);
  });
};
