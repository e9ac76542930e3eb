/** Labels, ports and address blocks as the API's texts define them, read without the compiler's own code. */
import ipaddr from 'ipaddr.js';
import type { IpBlock, LabelSelector, PortValue } from '../../api/schema.ts';
import type { Flow, Labels, Pod } from './cluster.ts';
import { inCidr } from './cluster.ts';

/** Kubernetes' LabelSelector; absent or `{}` is everything. */
export function selectorMatches(selector: LabelSelector | undefined, labels: Labels): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
      }
    })
  );
}

/** Labels, and a ServiceAccount; both must match. */
export const podMatches = (
  selector: LabelSelector | undefined,
  serviceAccounts: readonly string[] | undefined,
  { labels, serviceAccount = 'default' }: Pod,
): boolean =>
  selectorMatches(selector, labels) &&
  (serviceAccounts === undefined || serviceAccounts.includes(serviceAccount));

const PORT = /^(?:(?<from>[0-9]+)(?:-(?<to>[0-9]+))?|(?<name>[a-z0-9-]+))(?:\/(?<protocol>[A-Za-z]+))?$/;

/** True when one of the ports is the flow's. A name is a container port of the destination pod. */
export const portsMatch = (ports: readonly PortValue[], flow: Flow): boolean =>
  ports.some((port) => portMatches(String(port), flow));

type Match = (flow: Flow) => boolean;
const known = new Map<string, Match>();

/** Remembered: thousands of flows are asked for the same few ports. */
function portMatches(text: string, flow: Flow): boolean {
  const match = known.get(text) ?? portMatch(text);
  known.set(text, match);
  return match(flow);
}

function portMatch(text: string): Match {
  if (text === 'All') return () => true;
  if (text === 'ICMP') return ({ protocol }) => protocol === 'ICMP';
  const [, transport] = /^All\/([A-Za-z]+)$/.exec(text) ?? [];
  if (transport !== undefined) return ({ protocol }) => protocol === transport.toUpperCase();
  const parts = PORT.exec(text)?.groups;
  if (parts === undefined) throw new Error(`no port: ${text}`);
  const wanted = (parts['protocol'] ?? 'TCP').toUpperCase();
  const { from, to: last = from, name } = parts;
  if (from !== undefined) {
    const [lowest, highest] = [Number(from), Number(last)];
    return ({ protocol, port }) =>
      protocol === wanted && port !== undefined && lowest <= port && port <= highest;
  }
  return ({ to, protocol, port }) =>
    protocol === wanted &&
    port !== undefined &&
    to.kind === 'pod' &&
    to.ports.some((each) => each.name === name && each.protocol === protocol && each.port === port);
}

export const isNamed = (port: PortValue): boolean =>
  !/^(?:All|ICMP)\b/.test(String(port)) && PORT.exec(String(port))?.groups?.['name'] !== undefined;

export const inBlock = (address: string, { cidr, except = [] }: IpBlock): boolean =>
  inCidr(address, cidr) && !except.some((each) => inCidr(address, each));

/** True when every address of `cidr` is in `outer`. */
export function isWithin(cidr: string, outer: string): boolean {
  if (cidr.includes(':') !== outer.includes(':')) return false;
  const [inner, whole] = [spanOf(cidr), spanOf(outer)];
  return whole.first <= inner.first && inner.last <= whole.last;
}

/** True when `except` leaves nothing of `cidr`. */
export function isEmptyBlock({ cidr, except = [] }: IpBlock): boolean {
  const whole = spanOf(cidr);
  const holes = except.map(spanOf).sort((a, b) => (a.first < b.first ? -1 : 1));
  const next = holes.reduce(
    (from, { first, last }) => (first <= from && last >= from ? last + 1n : from),
    whole.first,
  );
  return next > whole.last;
}

function spanOf(cidr: string): { readonly first: bigint; readonly last: bigint } {
  const [base, prefix] = ipaddr.parseCIDR(cidr);
  const bytes = base.toByteArray();
  const first = bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return { first, last: first + (1n << BigInt(bytes.length * 8 - prefix)) - 1n };
}
