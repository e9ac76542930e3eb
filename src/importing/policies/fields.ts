/** The fields of policies that are understood. Another one may restrict something, so it is refused. */
import { FieldError } from '../../calico/read/fields.ts';
import { isRecord } from '../../json.ts';

/** `true`: whatever is in it. A list has the shape of its items. */
type Shape = true | { readonly [key: string]: Shape };

const SELECTOR: Shape = { matchLabels: true, matchExpressions: { key: true, operator: true, values: true } };
const PEER: Shape = {
  podSelector: SELECTOR,
  namespaceSelector: SELECTOR,
  ipBlock: { cidr: true, except: true },
};
const PORTS: Shape = { protocol: true, port: true, endPort: true };

const OF_KUBERNETES: Shape = {
  podSelector: SELECTOR,
  policyTypes: true,
  ingress: { from: PEER, ports: PORTS },
  egress: { to: PEER, ports: PORTS },
};

const END: Shape = {
  nets: true,
  notNets: true,
  selector: true,
  notSelector: true,
  namespaceSelector: true,
  ports: true,
  notPorts: true,
  serviceAccounts: { names: true, selector: true },
  services: { name: true, namespace: true },
};
const ICMP: Shape = { type: true, code: true };
const RULE: Shape = {
  action: true,
  protocol: true,
  notProtocol: true,
  ipVersion: true,
  icmp: ICMP,
  notICMP: ICMP,
  source: END,
  destination: END,
  http: true,
  metadata: true,
};
const OF_CALICO: Shape = {
  tier: true,
  order: true,
  selector: true,
  namespaceSelector: true,
  serviceAccountSelector: true,
  types: true,
  ingress: RULE,
  egress: RULE,
  preDNAT: true,
  doNotTrack: true,
  applyOnForward: true,
  performanceHints: true,
};

/** @throws FieldError for the first field that is not known */
export function refuseUnknown(spec: unknown, isCalico: boolean): void {
  check(spec, isCalico ? OF_CALICO : OF_KUBERNETES, 'spec');
}

function check(value: unknown, shape: Shape, path: string): void {
  if (shape === true) return;
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries()) check(each, shape, `${path}[${String(index)}]`);
    return;
  }
  if (!isRecord(value)) return;
  for (const [key, each] of Object.entries(value)) {
    const inner = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (inner === undefined)
      throw new FieldError(
        `${path}.${key}`,
        `is not known here: it has ${Object.keys(shape).join(', ')}. Leave it out if it restricts nothing`,
      );
    check(each, inner, `${path}.${key}`);
  }
}
