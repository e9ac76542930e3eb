import { expect, test } from '@jest/globals';
import { ApiError } from '../../cluster/errors.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock } from '../../cluster/testing/manual-clock.ts';
import { ScriptedTransport, type Answer } from '../../cluster/testing/scripted-transport.ts';
import { projectFirewall } from '../observe/firewalls.ts';
import { Reporter } from './status-writer.ts';
import type { Finding } from './status.ts';

const blocked: Finding = {
  type: 'blocked',
  reason: 'CalicoNotInstalled',
  message: 'install it',
  stalled: false,
};
const stored = (resourceVersion: string, status?: unknown) =>
  projectFirewall({
    metadata: { name: 'default', uid: 'u', generation: 2, resourceVersion },
    spec: { mode: 'Enforce' },
    status,
  });

function reporter(...answers: readonly Answer[]) {
  const transport = new ScriptedTransport(...answers);
  const clock = new ManualClock();
  return { transport, clock, reporter: new Reporter(transport, clock, recordingLogger()) };
}
const answer = (resourceVersion: string) => ({ metadata: { name: 'default', uid: 'u', resourceVersion } });

test('a status is applied under a manager of its own, and not again while it says the same', async () => {
  const { transport, clock, reporter: report } = reporter(answer('5'));
  await report.report(stored('4'), blocked);
  expect(transport.requests).toMatchObject([
    {
      method: 'PATCH',
      path: '/apis/clusterfirewall.io/v1alpha1/clusterfirewalls/default/status',
      query: { fieldManager: 'clusterfirewall-status', force: true },
      body: { metadata: { name: 'default', uid: 'u' }, status: { observedGeneration: 2 } },
    },
  ]);
  await clock.advance(60_000);
  const [{ body } = { body: {} }] = transport.requests;
  await report.report(stored('4'), blocked); // the watch lags behind
  await report.report(stored('5', (body as { status: unknown }).status), blocked);
  expect(transport.requests).toHaveLength(1);
});

test('somebody else’s change of the status is undone', async () => {
  const { transport, reporter: report } = reporter(answer('5'), answer('7'));
  await report.report(stored('4'), blocked);
  await report.report(stored('6', { observedGeneration: 99 }), blocked);
  expect(transport.requests).toHaveLength(2);
});

test.each([
  ['is gone', new ApiError({ code: 404, message: 'not found' })],
  ['was made anew', new ApiError({ code: 422, message: 'no', causes: [{ field: 'metadata.uid' }] })],
])('a firewall that %s needs no status', async (_, error) => {
  const { reporter: report } = reporter(error);
  await report.report(stored('4'), blocked);
});

test('other errors are thrown, for the queue to try again', async () => {
  const { reporter: report } = reporter(new ApiError({ code: 500, message: 'etcd is sad' }));
  await expect(report.report(stored('4'), blocked)).rejects.toThrow('etcd is sad');
});
