/** The small values of the API: names, labels, CIDRs, ports. */
import * as z from 'zod';
import { AddressError, containsCidr, parseAddress, parseCidr } from '../net/cidr.ts';
import { NUMBER_PATTERN, PORT_PATTERN, PortError, parsePort } from '../net/ports.ts';
import { isRecord } from '../json.ts';
import { ATOMIC, type CrdMeta, nonEmpty, stringSet } from './shapes.ts';

/** RFC 1123 label, the form of a Kubernetes namespace's name. */
const DNS_LABEL_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const LABEL_VALUE_PATTERN = '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$';
export const LABEL_KEY_PATTERN =
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$';
const LABEL_PREFIX_MAX = 253;
const LABEL_KEY_MAX = LABEL_PREFIX_MAX + 1 + 63;

// A text that is too long is not compared with a pattern, because V8's stack has an end.
const AT_MOST_63 = { error: 'must be at most 63 characters: shorten it', abort: true } as const;

export const dnsLabel = z.string().max(63, AT_MOST_63).regex(new RegExp(DNS_LABEL_PATTERN), {
  error:
    'must be a DNS label: lower-case letters, digits and "-", beginning and ending with a letter or digit',
});

/**
 * A ServiceAccount's name is a DNS subdomain. Calico makes a label of it for pods, and leaves out names of more than 62
 * characters (libcalico-go's conversion.go).
 */
export const serviceAccountName = z
  .string()
  .max(62, {
    error: 'must be at most 62 characters, the most that Calico keeps as a label: give pods by label',
    abort: true,
  })
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, {
    error:
      'must be the name of a ServiceAccount: lower-case letters, digits, "-" and ".", beginning and ending with a letter or digit',
  });

/** Nothing namespaced: its author could change it tomorrow. */
const FOREIGN_OBJECT_PATTERN =
  '^((Tier|GlobalNetworkPolicy|AdminNetworkPolicy|ClusterNetworkPolicy|HostEndpoint|GlobalNetworkSet)/[a-z0-9]([-.a-z0-9]*[a-z0-9])?|BaselineAdminNetworkPolicy/default)$';

/** An object that belongs to another client, as `Kind/NAME`. */
export const foreignObject = z
  .string()
  .max(320, { error: 'must be at most 320 characters: give Kind/NAME', abort: true })
  .regex(new RegExp(FOREIGN_OBJECT_PATTERN), {
    error:
      'is no object that can be accepted: write Tier/NAME, GlobalNetworkPolicy/NAME, AdminNetworkPolicy/NAME, ClusterNetworkPolicy/NAME, BaselineAdminNetworkPolicy/default, HostEndpoint/NAME or GlobalNetworkSet/NAME. Nothing in a namespace can be accepted, because its author may change it',
  });

const NOT_A_LABEL_KEY =
  'is not a label key: up to 63 letters, digits, "-", "_" and ".", beginning and ending with a letter or digit, with an optional DNS prefix and "/" before them';

const labelKey = z
  .string()
  .max(LABEL_KEY_MAX, {
    error: 'is too long for a label key: at most 253 characters, "/" and 63 more',
    abort: true,
  })
  .regex(new RegExp(LABEL_KEY_PATTERN), { error: NOT_A_LABEL_KEY })
  .refine((key) => key.indexOf('/') <= LABEL_PREFIX_MAX, {
    error: 'has too long a prefix for a label key: at most 253 characters before the "/"',
  })
  .meta({ not: { pattern: `^[^/]{${String(LABEL_PREFIX_MAX + 1)}}` } } satisfies CrdMeta);
const labelValue = z.string().max(63, AT_MOST_63).regex(new RegExp(LABEL_VALUE_PATTERN), {
  error: 'is not a label value: letters, digits, "-", "_" and ".", without quotes or spaces',
});

const requirement = z
  .strictObject({
    key: labelKey.meta({ description: 'Key of the label.' }),
    operator: z
      .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
      .meta({ description: 'In and NotIn need values; Exists and DoesNotExist do not take any.' }),
    values: z
      .array(labelValue)
      .min(1)
      .max(64)
      .meta({ description: 'Values of the label. Only with In and NotIn, and then never empty.' })
      .optional(),
  })
  .superRefine((value, context) => {
    const needs = value.operator === 'In' || value.operator === 'NotIn';
    if (needs === (value.values !== undefined)) return;
    context.addIssue({
      code: 'custom',
      path: ['values'],
      message: needs
        ? `is required with operator ${value.operator}: name at least one value`
        : `${value.operator} looks at no value: to name values, write operator ${value.operator === 'Exists' ? 'In' : 'NotIn'}`,
    });
  });

/**
 * The key that z.record leaves out of its result without checking it. The selector would then match more than
 * is written.
 */
const PROTO = '__proto__';

const withoutProto = (labels: unknown, context: z.core.$RefinementCtx): unknown => {
  if (isRecord(labels) && Object.hasOwn(labels, PROTO))
    context.addIssue({ code: 'custom', path: [PROTO], message: NOT_A_LABEL_KEY });
  return labels;
};

const MOST_LABELS = { error: 'must have at most 32 entries' };
const isShort = (labels: object): boolean => Object.keys(labels).length <= 32;

export const matchLabels = z
  .preprocess(
    withoutProto,
    z
      .record(labelKey, labelValue)
      .refine((labels) => Object.keys(labels).length > 0, {
        error: 'must not be empty: to say all, leave matchLabels out and write {}',
      })
      .refine(isShort, MOST_LABELS),
  )
  .meta({
    description: 'Labels that must all be present with exactly these values. Never empty.',
    minProperties: 1,
    maxProperties: 32,
    not: { required: [PROTO] },
  } satisfies CrdMeta);

/** Labels of one object. `{}` is an object without labels. */
export const labelMap = z
  .preprocess(withoutProto, z.record(labelKey, labelValue).refine(isShort, MOST_LABELS))
  .meta({ ...ATOMIC, maxProperties: 32, not: { required: [PROTO] } } satisfies CrdMeta);

/** A Kubernetes label selector. `{}` selects everything, and is the only way to do so. */
export const labelSelector = z
  .strictObject({
    matchLabels: matchLabels.optional(),
    matchExpressions: z
      .array(requirement)
      .min(1)
      .max(32)
      .meta({ description: 'Requirements that must all hold. Never empty.' })
      .optional(),
  })
  .meta(ATOMIC);
/**
 * The same, where the API server checks the keys of matchLabels too. It estimates the cost of such a rule for
 * as many selectors as the bounds on lists allow. In the rules of groups that is up to three million, and
 * more than it permits.
 */
export const checkedLabelSelector = labelSelector.meta({
  ...ATOMIC,
  'x-kubernetes-validations': [
    {
      rule: `!has(self.matchLabels) || self.matchLabels.all(key, key.matches('${LABEL_KEY_PATTERN}') && key.indexOf('/') <= ${String(LABEL_PREFIX_MAX)})`,
      message: `a key ${NOT_A_LABEL_KEY}`,
      fieldPath: '.matchLabels',
    },
  ],
} satisfies CrdMeta);
/** A label selector that must not be empty: `{}` is refused. */
export const nonEmptyLabelSelector = nonEmpty(checkedLabelSelector);

const parsedBy = (parse: (text: string) => unknown) => (text: string, context: z.core.$RefinementCtx) => {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
  }
};

// The bounds and patterns below are the part of the parsers' checks that the API server can do. Each uses the
// parser's message.
export const cidrString = z
  .string()
  .superRefine(parsedBy(parseCidr))
  .meta({ maxLength: 49, pattern: '^[0-9A-Fa-f:.]+/[0-9]{1,3}$' } satisfies CrdMeta);

/**
 * A range of machines. No network of machines is larger, and a larger range is a mistake that would mean pods
 * and Services too.
 */
export const machinesCidr = cidrString
  .superRefine((text, context) => {
    const cidr = cidrOf(text);
    if (cidr === undefined || cidr.prefix >= SHORTEST_PREFIX[cidr.family]) return;
    context.addIssue({
      code: 'custom',
      message: `${text} is too large: name the networks of the machines, with a prefix of at least /${String(SHORTEST_PREFIX[4])} (IPv6: /${String(SHORTEST_PREFIX[6])})`,
    });
  })
  .meta({
    pattern:
      '^([0-9.]+/([89]|[12][0-9]|3[0-2])|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*/(1[6-9]|[2-9][0-9]|1[01][0-9]|12[0-8]))$',
  } satisfies CrdMeta);

const SHORTEST_PREFIX = { 4: 8, 6: 16 } as const;

export const addressString = z
  .string()
  .superRefine(parsedBy(parseAddress))
  .meta({ maxLength: 45, pattern: '^[0-9A-Fa-f:.]+$' } satisfies CrdMeta);

/** Undefined for a text that is no CIDR, which is reported elsewhere. */
export const cidrOf = (text: string) => {
  try {
    return parseCidr(text);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    return undefined;
  }
};

export const ipBlock = z
  .strictObject({
    cidr: cidrString.meta({ description: 'Addresses, as a CIDR with a mask and without host bits.' }),
    except: stringSet(cidrString, { min: 1, max: 64 })
      .meta({ description: 'CIDRs inside cidr to leave out, of the same IP family.' })
      .optional(),
  })
  .superRefine((value, context) => {
    const outer = cidrOf(value.cidr);
    for (const [index, text] of (value.except ?? []).entries()) {
      const inner = cidrOf(text);
      if (outer === undefined || inner === undefined || containsCidr(outer, inner)) continue;
      context.addIssue({
        code: 'custom',
        path: ['except', index],
        message: `${text} is not inside cidr ${value.cidr}, so it leaves nothing out: give the part of it that is meant, of the same family`,
      });
    }
  })
  .meta({ description: 'A range of addresses, and parts of it to leave out.' });

const PORT_FORMS =
  "80, 30000-32767, a container port's name, each with an optional /TCP, /UDP or /SCTP; All, All/TCP, All/UDP or All/SCTP; or ICMP";

/** NetworkPolicy writes a port as an object of port, endPort and protocol. */
function portOfOthers(input: unknown): string {
  if (!isRecord(input) || (typeof input['port'] !== 'number' && typeof input['port'] !== 'string'))
    return `must be a port: ${PORT_FORMS}`;
  const end = typeof input['endPort'] === 'number' ? `-${String(input['endPort'])}` : '';
  const protocol = typeof input['protocol'] === 'string' ? `/${input['protocol'].toUpperCase()}` : '';
  return `must be a port and not a mapping: write ${String(input['port'])}${end}${protocol}`;
}

/** A port as it is written. A number is TCP. */
export const portValue = z
  .union([z.number(), z.string()], { error: ({ input }) => portOfOthers(input) })
  .superRefine((value, context) => {
    try {
      parsePort(value);
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .meta({
    'x-kubernetes-int-or-string': true,
    minimum: 1,
    maximum: 65535,
    maxLength: 32,
    pattern: PORT_PATTERN,
  } satisfies CrdMeta);

const FLOW_PORT_PATTERN = `^${NUMBER_PATTERN}(/(TCP|UDP|SCTP|tcp|udp|sctp))?$`;

/** One port by its number. A number is TCP. */
export const flowPort = z
  .union([z.number(), z.string()], { error: ({ input }) => portOfOthers(input) })
  .superRefine((value, context) => {
    if (new RegExp(FLOW_PORT_PATTERN).test(String(value))) return;
    context.addIssue({
      code: 'custom',
      message: 'must be one port by its number, from 1 to 65535, with an optional /TCP, /UDP or /SCTP: 5432',
    });
  })
  .meta({
    'x-kubernetes-int-or-string': true,
    minimum: 1,
    maximum: 65535,
    maxLength: 10,
    pattern: FLOW_PORT_PATTERN,
  } satisfies CrdMeta);

export const portList = z
  .array(portValue)
  .min(1)
  .max(64)
  .superRefine((ports, context) => {
    if (ports.length > 1 && ports.includes('All')) {
      context.addIssue({
        code: 'custom',
        message:
          'All cannot be combined: list only the ports that are meant, because All is every port of every protocol',
      });
    }
  })
  .meta({
    description: `Ports at the destination (of the pods, not of their Service): ${PORT_FORMS}. Never empty.`,
  });

export type LabelSelector = z.infer<typeof labelSelector>;
export type LabelSelectorRequirement = z.infer<typeof requirement>;
export type IpBlock = z.infer<typeof ipBlock>;
export type PortValue = z.infer<typeof portValue>;
