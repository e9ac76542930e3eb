import { Watches } from '../../cluster/informer/watches.ts';
import type { FakeApiServer } from '../../cluster/testing/fake-api-server.ts';
import { recordingLogger } from '../../cluster/testing/logs.ts';
import { ManualClock, settle } from '../../cluster/testing/manual-clock.ts';
import { Authorship } from '../objects/authorship.ts';
import { HEARTBEAT } from '../objects/ownership.ts';
import { GeneratedObjects } from '../observe/generated-objects.ts';
import { CALICO, calicoServer } from './calico-server.ts';

/** The stored objects of this server, listed and watched. `changed` tells how often a change was reported. */
export async function observed(server: FakeApiServer = calicoServer()) {
  const clock = new ManualClock();
  const parts = { transport: server, clock, log: recordingLogger() };
  const watches = new Watches({ ...parts, ...HEARTBEAT, writer: () => undefined, onResult: () => undefined });
  let changes = 0;
  const onChange = (): void => {
    changes += 1;
  };
  const options = { onChange, isKept: () => true, authorship: new Authorship() };
  const stored = new GeneratedObjects(CALICO, { ...parts, watches }, options);
  stored.informers.start();
  // Which policies of others are watched follows from the tiers that were listed.
  for (let turn = 0; turn < 5; turn += 1) await settle();
  /** How often it was said that something changed, since this was asked last. */
  const changed = (): number => {
    const count = changes;
    changes = 0;
    return count;
  };
  changed();
  return { server, clock, stored, changed };
}
