import { Reflector, type ReflectorOptions } from '../informer/reflector.ts';
import type { KubernetesObject } from '../resource.ts';
import type { ChangeEvent } from '../informer/store.ts';
import { FakeServer } from './fake-server.ts';
import { recordingLogger } from './logs.ts';
import { ManualClock, settle } from './manual-clock.ts';

export interface Projection {
  readonly uid: string | undefined;
  readonly data: unknown;
}

export const project = (object: KubernetesObject): Projection => ({
  uid: object.metadata.uid,
  data: object['data'],
});

/** Longer than any back-off, and than the longest trusted silence of a watch. */
export const LONG = 20 * 60_000;
const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' };

/** A reflector of a simulated server, with everything that a test needs to disturb and observe it. */
export function setup(overrides: Partial<ReflectorOptions<Projection>> = {}) {
  const server = new FakeServer();
  const clock = new ManualClock();
  const log = recordingLogger();
  const events: ChangeEvent<Projection>[] = [];
  const onChange = (event: ChangeEvent<Projection>): void => {
    events.push(event);
  };
  const reflector = new Reflector({
    ...{
      transport: server,
      resource: CONFIG_MAPS,
      project,
      onChange,
      clock,
      log,
      random: () => 0.5,
      pageSize: 3,
    },
    ...overrides,
  });
  const stop = new AbortController();
  const start = async (): Promise<void> => {
    void reflector.start(stop.signal);
    await settle();
  };
  return { server, clock, log, events, reflector, stop, start };
}

export const queriesOf = (server: FakeServer, watch: boolean) =>
  server.requests.map(({ query }) => query ?? {}).filter((query) => (query['watch'] === true) === watch);

export const summary = (events: readonly ChangeEvent<Projection>[]) =>
  events.map(({ type, key }) => `${type} ${key}`);
