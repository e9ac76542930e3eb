/** Rules for DNS are not needed, because every pod may ask the DNS server. */
import { covers, union } from '../spans.ts';
import { ofPorts } from '../traffic.ts';
import type { Plain } from './combine.ts';
import { isWithin, NAMESPACE_NAME, type Term } from './terms.ts';

const one = (value: string) => ({ values: new Set([value]), isBut: false, absent: false });

/** The default of `defaults.dns`. */
const SERVER: Term = new Map([
  [NAMESPACE_NAME, one('kube-system')],
  ['p:k8s-app', one('kube-dns')],
]);
const QUERIES = union(ofPorts(6, 53, 53), ofPorts(17, 53, 53));

export const isDNS = ({ from, to, packets }: Plain): boolean =>
  from.kind === 'pods' && to.kind === 'pods' && isWithin(to.term, SERVER) && covers(QUERIES, packets);
