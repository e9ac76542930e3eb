/** Packets for tests of the simulator alone. */
import type { Header } from '../../../src/simulator/packet.ts';
import type { Random } from '../../harness/random.ts';

/** A packet of any protocol, at the edges of what rules mention. */
export function randomHeader(random: Random, family: 4 | 6): Header {
  const protocol = random.pick([6, 6, 6, 17, 17, family === 4 ? 1 : 58, 132, 4, 47, family === 4 ? 58 : 1]);
  const port = random.pick([
    0, 1, 52, 53, 54, 79, 80, 81, 443, 444, 8080, 8081, 9100, 22, 4789, 30_080, 65_535,
  ]);
  const hasPorts = [6, 17, 132].includes(protocol);
  return {
    family,
    protocol,
    sourcePort: hasPorts ? random.pick([1, 80, 1024, 1025, 20_000, 40_000]) : 0,
    port: hasPorts ? port : 0,
    icmpType: random.pick([0, 1, 3, 8, 128, 135]),
    icmpCode: random.pick([0, 1, 2]),
    state: 'new',
  };
}
