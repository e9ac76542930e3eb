/**
 * Calico's own policies. A policy that Felix would leave out, or read otherwise than its author, is refused.
 * Sources: libcalico-go/lib/validator, libcalico-go/lib/backend/syncersv1/updateprocessors.
 */
import type { Action } from '../types.ts';
import { FieldError, type Fields, type ObjectFields } from './fields.ts';
import type { IcmpMatch, PolicyRule, RuleEnd, StoredPolicy } from './policy.ts';
import { hasPorts, PROTOCOL, readPorts, readProtocol } from './protocols.ts';
import { endSelectors, subjectSelector } from './selectors.ts';

/** @throws FieldError */
export function readCalicoPolicy(object: ObjectFields): StoredPolicy {
  const { kind, metadata } = object;
  const spec = object.fields.object('spec');
  const { namespace } = metadata;
  const isGlobal = kind.includes('Global');
  if (!isGlobal && namespace === undefined) throw new FieldError('metadata.namespace', 'is missing');
  const tier = spec.text('tier') || 'default';
  const stored = storedName(metadata.name, tier);
  const types = spec.texts('types');
  const rules = (key: string): readonly PolicyRule[] =>
    spec.list(key).map((rule) => readRule(rule, namespace));
  return {
    kind,
    apiVersion: object.apiVersion,
    name: metadata.name,
    ...(namespace !== undefined && { namespace }),
    sortName: namespace === undefined ? stored : `${namespace}/${stored}`,
    tier,
    order: spec.number('order') ?? Infinity,
    selector: subjectSelector(
      {
        selector: spec.text('selector'),
        namespaceSelector: isGlobal ? spec.text('namespaceSelector') : '',
        serviceAccountSelector: spec.text('serviceAccountSelector'),
        path: 'spec',
      },
      namespace,
    ),
    // felix/calc/policy_sorter.go: a policy without types has both.
    types: {
      ingress: types.length === 0 || types.includes('Ingress'),
      egress: types.length === 0 || types.includes('Egress'),
    },
    ingress: rules('ingress'),
    egress: rules('egress'),
    preDNAT: isGlobal && spec.flag('preDNAT'),
    doNotTrack: isGlobal && spec.flag('doNotTrack'),
    applyOnForward: isGlobal && spec.flag('applyOnForward'),
    ...(kind.startsWith('Staged') && { staged: stagedAction(spec) }),
  };
}

/** libcalico-go/lib/names: policies of the tier `default` are stored with its name before theirs. */
const storedName = (name: string, tier: string): string =>
  tier === 'default' && !name.startsWith('default.') && !/^(knp|ossg)\./.test(name)
    ? `default.${name}`
    : name;

export const stagedAction = (spec: Fields): 'Set' | 'Delete' =>
  spec.text('stagedAction') === 'Delete' ? 'Delete' : 'Set';

const ACTIONS: readonly string[] = ['Allow', 'Deny', 'Pass', 'Log'] satisfies readonly Action[];
const isAction = (text: string): text is Action => ACTIONS.includes(text);

function readRule(rule: Fields, namespace: string | undefined): PolicyRule {
  const action = rule.text('action');
  if (!isAction(action)) throw new FieldError(rule.at('action'), 'is none of Allow, Deny, Pass and Log');
  const protocol = readProtocol(rule, 'protocol');
  const notProtocol = readProtocol(rule, 'notProtocol');
  const ipVersion = rule.number('ipVersion') ?? familyOf(protocol);
  if (ipVersion !== undefined && ipVersion !== 4 && ipVersion !== 6)
    throw new FieldError(rule.at('ipVersion'), 'is neither 4 nor 6');
  const icmp = readIcmp(rule, 'icmp', protocol);
  const notIcmp = readIcmp(rule, 'notICMP', protocol);
  const ends = (key: string): RuleEnd => readEnd(rule.object(key), namespace, protocol);
  return {
    action,
    ...(ipVersion !== undefined && { ipVersion }),
    ...(protocol !== undefined && { protocol }),
    ...(notProtocol !== undefined && { notProtocol }),
    ...(icmp !== undefined && { icmp }),
    ...(notIcmp !== undefined && { notIcmp }),
    source: ends('source'),
    destination: ends('destination'),
    http: rule.has('http'),
    annotations: rule.object('metadata').labels('annotations'),
    path: rule.path,
  };
}

/** felix/calc/rule_convert.go, ipVersionToProtoIPVersion: ICMP is IPv4, and ICMPv6 is IPv6. */
function familyOf(protocol: number | undefined): 4 | 6 | undefined {
  if (protocol === PROTOCOL.ICMP) return 4;
  return protocol === PROTOCOL.ICMPv6 ? 6 : undefined;
}

function readIcmp(rule: Fields, key: string, protocol: number | undefined): IcmpMatch | undefined {
  const icmp = rule.optional(key);
  if (icmp === undefined) return undefined;
  if (protocol !== PROTOCOL.ICMP && protocol !== PROTOCOL.ICMPv6)
    throw new FieldError(rule.at(key), 'needs protocol ICMP or ICMPv6');
  const [type, code] = [icmp.number('type'), icmp.number('code')];
  if (type === undefined && code !== undefined) throw new FieldError(icmp.at('code'), 'needs a type');
  return { ...(type !== undefined && { type }), ...(code !== undefined && { code }) };
}

function readEnd(end: Fields, namespace: string | undefined, protocol: number | undefined): RuleEnd {
  if (end.has('domains')) throw new FieldError(end.at('domains'), 'is no part of open-source Calico');
  const [ports, notPorts] = [readPorts(end, 'ports'), readPorts(end, 'notPorts')];
  if ((ports !== undefined || notPorts !== undefined) && !hasPorts(protocol))
    throw new FieldError(end.at('ports'), 'needs a protocol that has ports');
  const accounts = end.optional('serviceAccounts');
  const service = serviceOf(end, namespace);
  return {
    nets: end.nets('nets'),
    notNets: end.nets('notNets'),
    ...endSelectors(
      {
        selector: end.text('selector'),
        notSelector: end.text('notSelector'),
        namespaceSelector: end.text('namespaceSelector'),
        ...(accounts !== undefined && {
          serviceAccounts: { names: accounts.texts('names'), selector: accounts.text('selector') },
        }),
        path: end.path,
      },
      namespace,
    ),
    ...(ports !== undefined && { ports }),
    ...(notPorts !== undefined && { notPorts }),
    ...(service !== undefined && { service }),
  };
}

function serviceOf(end: Fields, namespace: string | undefined): string | undefined {
  const services = end.optional('services');
  if (services === undefined) return undefined;
  const [name, of] = [services.text('name'), services.text('namespace') || namespace];
  if (name === '' || of === undefined)
    throw new FieldError(services.path, 'needs the name and namespace of a Service');
  return `${of}/${name}`;
}
