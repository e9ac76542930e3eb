const FIRST_PORT = 33_000;
const LAST_PORT = 60_999;
/** Starting anywhere keeps a pod that got a former pod's address apart from that pod's flows. */
let lastPort = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));

/**
 * A source port that this namespace did not use for thousands of flows: one chosen by the kernel may be that of a flow which conntrack
 * still knows, whose packets pass whatever the policy says.
 */
export function nextSourcePort(): number {
  lastPort = lastPort >= LAST_PORT ? FIRST_PORT : lastPort + 1;
  return lastPort;
}
