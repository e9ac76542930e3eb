/** NetworkPolicies, and Calico's policies → groups of namespaces. */
import { DEFAULT_FIREWALL, API_VERSION, KIND, type Spec, SYSTEM_NAMESPACES } from '../../api/schema.ts';
import { formatPath } from '../../api/path.ts';
import { validateDocument } from '../../api/validate.ts';
import type { Known } from '../addresses.ts';
import { Notes } from '../notes.ts';
import { ImportError, type Imported, type SourceLine } from '../result.ts';
import { combine } from './combine.ts';
import { differencesOf } from './differences.ts';
import { type Judged, judge, type SourcePolicy } from './evaluate.ts';
import { isDNS } from './dns.ts';
import { admitsName, groupsOf } from './groups.ts';
import { PortNames } from './packets.ts';
import { type PolicyOrigin, readObjects, type SourceDocument } from './read.ts';
import { EVERY_POD, isWithin } from './terms.ts';

/** @throws ImportError where an object is not understood, and where there is no policy */
export function importPolicies(
  from: PolicyOrigin,
  documents: readonly SourceDocument[],
  known: Known,
): Imported {
  const notes = new Notes();
  const { policies, tiers, sets } = readObjects(documents, from, notes);
  const ofPods = policies.filter((policy) => isForPods(policy, notes));
  if (ofPods.length === 0) throw new ImportError(`the files have no policy for pods: ${WANTED[from]}`);
  const names = new PortNames();
  const around = { known, names, sets, notes };
  const egress = judge('egress', ofPods, tiers, around);
  const ingress = judge('ingress', ofPods, tiers, around);
  const { flows, narrowed, oneFamily, closed } = combine(egress, ingress, known);
  for (const [line, why] of closed) notes.add('left', line, why);
  const dns = flows.filter(isDNS);
  for (const line of dns.flatMap(({ lines }) => lines))
    notes.add('builtIn', line, 'DNS is open to every pod');
  const touched = SYSTEM_NAMESPACES.filter((name) =>
    [...egress.selected, ...ingress.selected].some((term) => admitsName(term, name)),
  );
  const exempt = SYSTEM_NAMESPACES.filter((name) => !touched.includes(name));
  const { groups, peers, behind, lost } = groupsOf(
    flows.filter((flow) => !isDNS(flow)),
    { known, names, exempt, nameOf: namesOfLines(ofPods) },
  );
  for (const [line, why] of lost) notes.add('left', line, why);
  const deny = directionOf(egress, ingress);
  const spec = specOf({ deny, touched, exempt, groups, peers });
  refuseInvalid(spec);
  return {
    spec,
    behind,
    notes: notes.list(),
    differences: differencesOf({
      deny,
      touched,
      everyPod: [egress, ingress].every(({ selected }) => selected.some((term) => isWithin(EVERY_POD, term))),
      narrowed: [...narrowed].filter((line) => !closed.has(line)),
      oneFamily: [...oneFamily].filter((line) => !closed.has(line)),
      ambiguous: [...egress.ambiguous, ...ingress.ambiguous],
      denyLabels: [...egress.denyLabels, ...ingress.denyLabels],
      hosts: ofPods.filter(({ stored }) => mayBeHost(stored)).map(({ line }) => line),
      knowsRanges: known.pods !== undefined && known.nodes !== undefined,
    }),
  };
}

const WANTED: Readonly<Record<PolicyOrigin, string>> = {
  calico: 'give GlobalNetworkPolicies and NetworkPolicies of projectcalico.org/v3, as YAML or JSON',
  networkpolicy: 'give NetworkPolicies of networking.k8s.io/v1, as YAML or JSON',
};

function isForPods({ stored, line }: SourcePolicy, notes: Notes): boolean {
  if (!stored.preDNAT && !stored.doNotTrack) return true;
  notes.add(
    'left',
    line,
    'preDNAT and doNotTrack are for host endpoints: `spec.nodes` judges what comes to nodes',
  );
  return false;
}

const mayBeHost = ({ namespace, selector }: SourcePolicy['stored']): boolean =>
  namespace === undefined && !/projectcalico\.org\/namespace|"pcns\./.test(JSON.stringify(selector));

function namesOfLines(policies: readonly SourcePolicy[]): (line: SourceLine) => string {
  const names = new Map<SourceLine, string>(
    policies.flatMap((policy) =>
      [...policy.stored.ingress, ...policy.stored.egress].map((rule) => [policy.lineOf(rule), policy.name]),
    ),
  );
  return (line) => names.get(line) ?? 'rule';
}

/** A direction in which no policy selects a pod stays open. */
function directionOf(egress: Judged, ingress: Judged): 'Both' | 'Ingress' | 'Egress' {
  if (egress.selected.length === 0) return 'Ingress';
  return ingress.selected.length === 0 ? 'Egress' : 'Both';
}

interface Parts {
  readonly deny: 'Both' | 'Ingress' | 'Egress';
  readonly touched: readonly string[];
  readonly exempt: readonly string[];
  readonly groups: ReturnType<typeof groupsOf>['groups'];
  readonly peers: ReturnType<typeof groupsOf>['peers'];
}

function specOf({ deny, touched, exempt, groups, peers }: Parts): Spec {
  const exemption =
    touched.length === 0
      ? undefined
      : { systemNamespaces: 'None' as const, ...(exempt.length > 0 && { names: [...exempt] }) };
  const defaults = {
    ...(deny !== 'Both' && { deny }),
    ...(exemption !== undefined && { exempt: exemption }),
  };
  return {
    mode: 'Observe',
    ...(Object.keys(defaults).length > 0 && { defaults }),
    ...(peers.length > 0 && { peers: [...peers] }),
    ...(groups.length > 0 && { namespaces: [...groups] }),
  };
}

/** Labels and names that Calico takes and the API does not, and more than it has room for. */
function refuseInvalid(spec: Spec): void {
  const result = validateDocument({
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: DEFAULT_FIREWALL },
    spec,
  });
  const issue = result.ok ? undefined : result.issues[0];
  if (issue === undefined) return;
  throw new ImportError(
    `these policies make a ClusterFirewall that is not valid: ${formatPath(issue.path)} ${issue.message}. Give fewer policies at a time, or write this one by hand`,
  );
}
