/** The tests that must pass in both ways to serve Calico's API, on one cluster. */
import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { startRig, type Rig } from './controller-harness.ts';
import { API_MODES, type ApiMode } from '../harness/native-crds.ts';
import { apiServer } from './controller-api-server.suite.ts';
import { alterations } from './controller-alterations.suite.ts';
import { contest } from './controller-contest.suite.ts';
import { drift } from './controller-drift.suite.ts';
import { life } from './controller-life.suite.ts';
import { mutatingPolicies } from './controller-mutating-policies.suite.ts';
import { outage } from './controller-outage.suite.ts';
import { ownership } from './controller-ownership.suite.ts';
import { problems } from './controller-problems.suite.ts';
import { serverForms } from './controller-server-forms.suite.ts';
import { tenants } from './controller-tenants.suite.ts';
import { several } from './controller-several.suite.ts';
import { unreadable } from './controller-unreadable.suite.ts';

export const controllerTests = (mode: ApiMode): void => {
  jest.setTimeout(120_000);

  describe(`${mode} (${API_MODES[mode]})`, () => {
    let started: Rig | undefined;
    const rig = (): Rig => {
      if (started === undefined) throw new Error('the cluster did not start');
      return started;
    };
    beforeAll(async () => {
      started = await startRig(mode);
    }, 180_000);
    afterAll(async () => {
      await started?.[Symbol.asyncDispose]();
    }, 60_000);

    life(rig);
    if (mode === 'aggregated') apiServer(rig);
    problems(rig);
    drift(rig, mode);
    alterations(rig, mode);
    contest(rig);
    ownership(rig, mode);
    several(rig);
    tenants(rig, mode);
    unreadable(rig);
    outage(rig);
    serverForms(rig, mode);
    if (mode === 'native') mutatingPolicies(rig);
  });
};
