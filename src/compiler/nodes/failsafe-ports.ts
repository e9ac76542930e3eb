/** Ports of Felix's failsafes. */
import type { PortValue } from '../../api/schema.ts';
import { parsePort } from '../../net/ports.ts';
import type { FelixConfigurationInfo } from '../../inventory/types.ts';

export type Failsafe = NonNullable<FelixConfigurationInfo['failsafeInbound']>[number];

/** True when one of the ports includes the failsafe's, whose protocol may be in lower case. */
export const coversPort = (ports: readonly PortValue[], { protocol, port }: Failsafe): boolean =>
  ports
    .map(parsePort)
    .some(
      (each) =>
        each.kind === 'all' ||
        (each.kind === 'range' &&
          each.protocol === protocol.toUpperCase() &&
          each.from <= port &&
          port <= each.to),
    );
