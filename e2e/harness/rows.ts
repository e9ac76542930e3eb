/** A table of the connections that must pass and those that must fail. */
import type { Transport } from '../cluster.ts';

/** `NAMESPACE/POD`, `node/NAME`, `outside/NAME`; only as a target: `node-local-dns`, `dns-service`, `kube-apiserver`. */
export type ActorName = string;

export interface Row {
  readonly from: ActorName;
  readonly to: ActorName;
  readonly port: number;
  readonly protocol: Transport;
  readonly expect: Expectation;
}

export type Expectation = 'allowed' | 'refused';

/*
 * Most connections between pods are refused twice, at the source and at the destination. A row for one side
 * alone needs a far end without a firewall: a pod of an exempt namespace, a host outside, or a tenant with
 * policies of its own.
 */

/** `80`, `'53/UDP'`: a number is TCP. */
export type PortText = number | `${number}/${Transport}`;

/** Every `from` to every `to` on every port, but none to itself. */
const rows =
  (expect: Expectation) =>
  (from: readonly ActorName[], to: readonly ActorName[], ports: readonly PortText[]): readonly Row[] =>
    from.flatMap((source) =>
      to
        .filter((target) => target !== source)
        .flatMap((target) => ports.map((port) => ({ from: source, to: target, ...parsePort(port), expect }))),
    );

export const allowed = rows('allowed');
export const refused = rows('refused');

function parsePort(text: PortText): { port: number; protocol: Transport } {
  const [port, protocol] = String(text).split('/');
  return { port: Number(port), protocol: protocol === 'UDP' ? 'UDP' : 'TCP' };
}

/** Without a firewall everything is allowed, so later refusals are the firewall's. */
export const open = (table: readonly Row[]): readonly Row[] =>
  table.map((row) => ({ ...row, expect: 'allowed' }));
