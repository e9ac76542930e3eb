/**
 * The kinds and fields that a report of a bug needs besides a snapshot: the firewalls with their status, and the
 * operator. A field that is not here never leaves the cluster.
 */
import type { Kept, SnapshotKind } from './kinds.ts';

const LIFE = { generation: true, creationTimestamp: true, deletionTimestamp: true } as const;
/** The manager and the time of each write, without the values. */
const WRITERS = [{ manager: true, operation: true, subresource: true, time: true }] as const;
/** Neither environment nor volumes. */
const CONTAINERS = [{ name: true, image: true, command: true, args: true, resources: true }] as const;
const LABELS = /^(?:app\.kubernetes\.io|helm\.sh)\//;

const STATE = {
  waiting: { reason: true, message: true },
  running: { startedAt: true },
  terminated: {
    exitCode: true,
    signal: true,
    reason: true,
    message: true,
    startedAt: true,
    finishedAt: true,
  },
} as const satisfies Kept;

export const RECORDS = {
  firewalls: {
    group: 'clusterfirewall.io',
    version: 'v1alpha1',
    kind: 'ClusterFirewall',
    plural: 'clusterfirewalls',
    kept: { metadata: { ...LIFE, finalizers: true, managedFields: WRITERS }, spec: true, status: true },
  },
  deployments: {
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
    plural: 'deployments',
    kept: {
      metadata: { ...LIFE, labels: LABELS, managedFields: WRITERS },
      spec: {
        replicas: true,
        strategy: true,
        template: { spec: { serviceAccountName: true, containers: CONTAINERS } },
      },
      status: true,
    },
  },
  pods: {
    group: '',
    version: 'v1',
    kind: 'Pod',
    plural: 'pods',
    kept: {
      metadata: { ...LIFE, labels: LABELS },
      spec: { nodeName: true, serviceAccountName: true, containers: CONTAINERS },
      status: {
        phase: true,
        reason: true,
        message: true,
        conditions: true,
        containerStatuses: [
          {
            name: true,
            image: true,
            imageID: true,
            ready: true,
            restartCount: true,
            state: STATE,
            lastState: STATE,
          },
        ],
      },
    },
  },
  leases: {
    group: 'coordination.k8s.io',
    version: 'v1',
    kind: 'Lease',
    plural: 'leases',
    kept: { metadata: LIFE, spec: true },
  },
  events: {
    group: 'events.k8s.io',
    version: 'v1',
    kind: 'Event',
    plural: 'events',
    kept: {
      metadata: { creationTimestamp: true },
      eventTime: true,
      series: true,
      type: true,
      reason: true,
      action: true,
      note: true,
      regarding: { kind: true, namespace: true, name: true },
      reportingController: true,
      deprecatedCount: true,
      deprecatedFirstTimestamp: true,
      deprecatedLastTimestamp: true,
    },
  },
} as const satisfies Readonly<Record<string, SnapshotKind>>;
