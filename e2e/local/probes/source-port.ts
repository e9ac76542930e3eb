const FIRST_PORT = 33_000;
const LAST_PORT = 60_999;
/** A random start separates a pod from the flows of a former pod that had its address. */
let lastPort = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));

/**
 * A source port that this namespace did not use for thousands of flows. conntrack may still know the flow of
 * a port that the kernel chooses, and then its packets pass whatever the policy says.
 */
export function nextSourcePort(): number {
  lastPort = lastPort >= LAST_PORT ? FIRST_PORT : lastPort + 1;
  return lastPort;
}
