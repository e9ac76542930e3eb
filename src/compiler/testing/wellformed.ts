/**
 * Conditions that every emitted object must meet before any packet is evaluated: those that Calico checks,
 * and those that it does not (native v3 CRDs).
 */
import ipaddr from 'ipaddr.js';
import { parseSelector } from '../../calico/selector-parser.ts';
import type { EntityRule, GeneratedObject, HostEndpoint, Rule } from '../../calico/types.ts';
import { ANNOTATION_RULE, LABEL_ENFORCED, LABEL_LO, LABEL_SET } from '../names.ts';

export interface Limits {
  readonly rules: number;
  readonly nets: number;
  readonly ports: number;
  readonly selector: number;
}

/** Calico's own limits from v3.33 on. */
const CALICO_LIMITS: Limits = { rules: 1024, nets: 256, ports: 50, selector: 1024 };

/** Everything that is wrong with the objects, one line each. */
export function flawsOf(objects: readonly GeneratedObject[], limits: Limits = CALICO_LIMITS): string[] {
  const keys = objects.map(({ kind, metadata: { namespace = '', name } }) => `${kind} ${namespace}/${name}`);
  return [
    ...keys.filter((key, index) => keys.indexOf(key) !== index).map((key) => `${key}: there are two of it`),
    ...objects.flatMap((object, index) =>
      flawsOfObject(object, limits).map((flaw) => `${keys[index] ?? ''}: ${flaw}`),
    ),
  ];
}

const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
/** A host endpoint has the name of its node, which may contain dots. */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DNS_LABELS = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

function flawsOfObject(object: GeneratedObject, limits: Limits): string[] {
  const { name, labels = {} } = object.metadata;
  const flaws = Object.entries(labels)
    .filter(([, value]) => value.length > 63 || !LABEL_VALUE.test(value))
    .map(([key]) => `label ${key} has no valid value`);
  const form = object.kind === 'HostEndpoint' ? SUBDOMAIN : DNS_LABELS;
  if (name.length > 253 || !form.test(name)) flaws.push('no valid name');
  if (object.kind === 'Tier') return flaws;
  if (object.kind === 'HostEndpoint') return [...flaws, ...flawsOfEndpoint(object.spec)];
  if (object.kind === 'GlobalNetworkSet') return [...flaws, ...flawsOfNets(object.spec.nets)];
  return [...flaws, ...flawsOfPolicy(object, limits)];
}

function flawsOfEndpoint({ node, interfaceName, profiles }: HostEndpoint['spec']): string[] {
  const flaws =
    node === '' || !['lo', '*'].includes(interfaceName) ? ['no node, or an unknown interface'] : [];
  // Without it, traffic that no policy selects is dropped, and the node would be cut off.
  return profiles.includes('projectcalico-default-allow') ? flaws : [...flaws, 'no profile that allows'];
}

type Policy = Exclude<GeneratedObject, { kind: 'Tier' | 'GlobalNetworkSet' | 'HostEndpoint' }>;

function flawsOfPolicy({ kind, metadata, spec }: Policy, limits: Limits): string[] {
  const flaws: string[] = [];
  const { tier, order, selector, types, ingress = [], egress = [] } = spec;
  // Up to Calico 3.31 a policy is called TIER.NAME in every tier but default, and its name has no dot there.
  const prefix = tier === 'default' ? '' : `${tier}.`;
  if (!metadata.name.startsWith(prefix) || metadata.name.slice(prefix.length).includes('.'))
    flaws.push('its name is not one for its tier');
  if (kind.endsWith('GlobalNetworkPolicy') !== (metadata.namespace === undefined))
    flaws.push('namespace and kind do not fit');
  if (!Number.isFinite(order) || tier === '' || selector === '') flaws.push('no tier, order or selector');
  if (types.length === 0 || new Set(types).size < types.length) flaws.push('no types, or one twice');
  if (ingress.length > 0 && !types.includes('Ingress')) flaws.push('ingress rules that do not count');
  if (egress.length > 0 && !types.includes('Egress')) flaws.push('egress rules that do not count');
  if (Math.max(ingress.length, egress.length) > limits.rules) flaws.push('too many rules');
  const own = [selector, 'namespaceSelector' in spec ? (spec.namespaceSelector ?? 'all()') : 'all()'];
  for (const text of own) {
    flaws.push(...flawsOfSelector(text, limits));
    if (text.includes('global()') || selectsByOurLabel(text)) flaws.push(`selects by ${text}`);
  }
  return [...flaws, ...[...ingress, ...egress].flatMap((rule) => flawsOfRule(rule, limits))];
}

/**
 * Anybody can label a pod, so the two labels of host endpoints are only matched where there is no namespace.
 */
function selectsByOurLabel(text: string): boolean {
  const isForHostEndpoints = [LABEL_ENFORCED, LABEL_LO].some((label) => text.includes(`has(${label})`));
  if (isForHostEndpoints) return !text.includes('!has(projectcalico.org/namespace)');
  return text.includes('clusterfirewall.io/');
}

function flawsOfRule(rule: Rule, limits: Limits): string[] {
  const { source = {}, destination = {}, protocol, ipVersion, metadata } = rule;
  const flaws: string[] = [];
  if ((metadata?.annotations[ANNOTATION_RULE] ?? '') === '') flaws.push('a rule without its id');
  const families = new Set<4 | 6>(
    [source, destination]
      .flatMap(({ nets = [], notNets = [] }) => [...nets, ...notNets])
      .map((net) => (net.includes(':') ? 6 : 4)),
  );
  if (protocol === 'ICMP') families.add(4);
  if (protocol === 'ICMPv6') families.add(6);
  if (ipVersion !== undefined) families.add(ipVersion);
  if (families.size > 1) flaws.push('a rule of two families');
  if (source.ports !== undefined) flaws.push('source ports');
  const hasPorts = protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP';
  if (destination.ports !== undefined && !hasPorts) flaws.push('ports without a protocol that has them');
  return [...flaws, ...[source, destination].flatMap((entity) => flawsOfEntity(entity, limits))];
}

function flawsOfEntity(entity: EntityRule, limits: Limits): string[] {
  const { nets = [], notNets = [], ports = [], selector, namespaceSelector, notSelector, services } = entity;
  const flaws = [...flawsOfNets(nets), ...flawsOfNets(notNets)];
  // An empty list is no restriction at all.
  for (const list of [entity.nets, entity.notNets, entity.ports])
    if (list?.length === 0) flaws.push('an empty list');
  // A negation is never split, so it does not follow smaller limits.
  if (nets.length > limits.nets || notNets.length > CALICO_LIMITS.nets) flaws.push('too many nets');
  if (ports.length > limits.ports) flaws.push('too many ports');
  for (const text of [selector, namespaceSelector, notSelector])
    if (text !== undefined) flaws.push(...flawsOfSelector(text, limits));
  if (selector?.includes('global()') === true || notSelector?.includes('global()') === true)
    flaws.push('global() outside a namespaceSelector');
  if (selector?.includes(LABEL_SET) === true && namespaceSelector !== 'global()')
    flaws.push(`a set by a label that a tenant can give: ${selector}`);
  if (notSelector?.includes(LABEL_SET) === true && !notSelector.includes('!has(projectcalico.org/namespace)'))
    flaws.push(`a set by a label that a tenant can give: ${notSelector}`);
  const others = [...nets, ...notNets, ...ports, selector, namespaceSelector, notSelector];
  if (services !== undefined && others.some((other) => other !== undefined))
    flaws.push('services together with something else');
  return flaws;
}

function flawsOfSelector(text: string, limits: Limits): string[] {
  if (text.length > limits.selector) return [`a selector of ${text.length} characters`];
  try {
    parseSelector(text);
    return [];
  } catch (error) {
    return [`no selector: ${text} (${String(error)})`];
  }
}

function flawsOfNets(nets: readonly string[]): string[] {
  return [
    ...nets.filter((net) => net !== canonical(net)).map((net) => `${net} is not canonical`),
    ...(new Set(nets).size < nets.length ? ['a CIDR twice'] : []),
  ];
}

function canonical(cidr: string): string {
  const [address, prefix] = ipaddr.parseCIDR(cidr);
  const network =
    address instanceof ipaddr.IPv6
      ? ipaddr.IPv6.networkAddressFromCIDR(cidr).toRFC5952String()
      : ipaddr.IPv4.networkAddressFromCIDR(cidr).toString();
  return `${network}/${prefix}`;
}
