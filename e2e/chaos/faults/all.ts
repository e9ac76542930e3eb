/** All classes of faults. */
import { apiServerKill, calicoApiDown, compaction } from './control-plane.ts';
import type { FaultClass } from './fault.ts';
import { connectionReset, slowApiServer, watchBlackHole } from './network.ts';
import { clockJump, leaderKill, leaderStop, removalKill, rollingRestart } from './operators.ts';
import { fight } from './people.ts';

export const FAULT_CLASSES: readonly FaultClass[] = [
  apiServerKill,
  calicoApiDown,
  watchBlackHole,
  compaction,
  slowApiServer,
  leaderKill,
  removalKill,
  fight,
  clockJump,
  leaderStop,
  connectionReset,
  rollingRestart,
];
