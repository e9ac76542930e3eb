/** The ends of a flow, as people write them. */
import { AddressError, formatAddress, parseAddress } from '../net/cidr.ts';
import { QuestionError } from './errors.ts';

export type EndText =
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string }
  /** A pod that need not exist. */
  | {
      readonly kind: 'labels';
      readonly namespace: string;
      readonly labels: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'node'; readonly name: string; readonly port?: string }
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string; readonly port?: string }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'world' };

const FORMS =
  'NAMESPACE/POD, pod:NAMESPACE[label=value,…], node:NAME, node:NAME:PORT, service:NAMESPACE/NAME:PORT, an address, or world';

/** @throws QuestionError */
export function parseEnd(text: string): EndText {
  if (/^world$/i.test(text)) return { kind: 'world' };
  const [, kind = '', rest = ''] = /^(pod|node|service|svc):(.*)$/.exec(text) ?? [];
  switch (kind) {
    case 'pod':
      return rest.includes('[') ? labelled(text, rest) : podAt(text, rest);
    case 'node':
      return nodeAt(text, rest);
    case 'service':
    case 'svc':
      return serviceAt(text, rest);
    default:
      return addressAt(text) ?? podAt(text, text);
  }
}

function addressAt(text: string): EndText | undefined {
  if (/^[0-9a-fA-F.:]+\/\d+$/.test(text) && /[.:]/.test(text))
    throw new QuestionError(`"${text}" is a range: give one address of it`);
  try {
    return { kind: 'address', address: formatAddress(parseAddress(text)) };
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

function podAt(text: string, rest: string): EndText {
  const [, namespace, name] = /^([^/\s]+)\/([^/\s]+)$/.exec(rest) ?? [];
  if (namespace === undefined || name === undefined) throw notAnEnd(text);
  return { kind: 'pod', namespace, name };
}

function labelled(text: string, rest: string): EndText {
  const [, namespace, inside] = /^([^/[\]\s]+)\[([^[\]]*)\]$/.exec(rest) ?? [];
  if (namespace === undefined || inside === undefined)
    throw new QuestionError(`"${text}" is no pod by label: write pod:NAMESPACE[label=value,…]`);
  const labels: Record<string, string> = {};
  for (const pair of inside.split(',').filter((each) => each.trim() !== '')) {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*([^=\s]*)\s*$/.exec(pair) ?? [];
    if (key === undefined || value === undefined)
      throw new QuestionError(`"${pair}" in "${text}" is no label: write label=value`);
    labels[key] = value;
  }
  return { kind: 'labels', namespace, labels };
}

function nodeAt(text: string, rest: string): EndText {
  const [, name, port] = /^([^:/\s]+)(?::([^:\s]+))?$/.exec(rest) ?? [];
  if (name === undefined) throw notAnEnd(text);
  return { kind: 'node', name, ...(port !== undefined && { port }) };
}

function serviceAt(text: string, rest: string): EndText {
  const [, namespace, name, port] = /^([^:/\s]+)\/([^:/\s]+)(?::([^:\s]+))?$/.exec(rest) ?? [];
  if (namespace === undefined || name === undefined) throw notAnEnd(text);
  return { kind: 'service', namespace, name, ...(port !== undefined && { port }) };
}

const notAnEnd = (text: string): QuestionError =>
  new QuestionError(`"${text}" is no end of a flow: write ${FORMS}`);
