import { describe, expect, test } from '@jest/globals';
import { validateDocument } from '../validate.ts';
import { formatPath } from '../path.ts';
import { ANYWHERE } from './anywhere.ts';
import { ENDS } from './ends.ts';
import { AT_NODES } from './nodes.ts';
import { PODS } from './pods.ts';
import type { Place } from '../places.ts';

const ENTRIES = [...ENDS, ...PODS, ...AT_NODES, ...ANYWHERE];

const group = (fields: object) => ({ namespaces: [{ name: 'g', namespaces: ['a'], ...fields }] });
const zone = (fields: object) => ({ nodes: { mode: 'Observe', zones: [fields] } });

/** A spec with fields added to an object at the place. Some places have several kinds of objects. */
const SPECS: Readonly<Record<Place, readonly ((fields: object) => object)[]>> = {
  spec: [(fields) => fields],
  defaults: [(fields) => ({ defaults: fields }), (fields) => ({ defaults: { exempt: fields } })],
  peer: [(fields) => ({ peers: [fields] })],
  guardrail: [(fields) => ({ guardrails: [fields] })],
  group: [group],
  rule: [(fields) => group({ ingress: [fields] }), (fields) => group({ egress: [fields] })],
  connection: [(fields) => group({ connections: [fields] })],
  end: [
    (fields) => group({ ingress: [{ from: [fields] }] }),
    (fields) => group({ egress: [{ to: [fields] }] }),
    (fields) => zone({ from: [fields] }),
    (fields) => ({ nodes: { mode: 'Observe', breakGlass: [fields] } }),
  ],
  podsOfEnd: [(fields) => group({ ingress: [{ from: [{ pods: fields }] }] })],
  ipBlock: [(fields) => group({ ingress: [{ from: [{ ipBlock: fields }] }] })],
  nodes: [(fields) => ({ nodes: fields })],
  zone: [zone],
  allow: [(fields) => zone({ allow: fields })],
  labels: [(fields) => group({ ingress: [{ pods: fields }] })],
};

/** The messages of validation on the word at the place; none where it is a field. */
function said(word: string, place: Place): string[] {
  return SPECS[place].flatMap((specOf) => {
    const validated = validateDocument({
      apiVersion: 'clusterfirewall.io/v1alpha1',
      kind: 'ClusterFirewall',
      metadata: { name: 'default' },
      spec: { mode: 'Enforce', ...specOf({ [word]: 'x' }) },
    });
    const issues = validated.ok ? [] : validated.issues;
    return issues.flatMap(({ path, message }) =>
      message.startsWith(`unknown field "${word}": `) && formatPath(path).endsWith(word) ? [message] : [],
    );
  });
}

describe('words of other firewalls', () => {
  const places = (entry: (typeof ENTRIES)[number]): readonly Place[] =>
    entry.places === 'anywhere' ? ['rule', 'group', 'zone'] : entry.places;

  const guessed = /did you mean|nothing of that/;

  test.each(
    ENTRIES.filter(({ besides }) => besides === undefined).map((entry) => [entry.say, entry] as const),
  )('%s', (_, entry) => {
    for (const word of entry.words.split(' '))
      for (const place of places(entry))
        for (const message of said(word, place)) expect(message).not.toMatch(guessed);
  });

  test('an entry for objects with a certain field is said there', () => {
    const unsaid = ENTRIES.filter(({ besides }) => besides !== undefined).filter((entry) =>
      places(entry).every((place) =>
        entry.words
          .split(' ')
          .every((word) => !said(word, place).some((message) => message.endsWith(entry.say))),
      ),
    );
    const later = ['service'];
    expect(unsaid.filter(({ besides = '' }) => !later.includes(besides))).toEqual([]);
  });

  test('no advice is to leave a word out', () => {
    for (const { say } of ENTRIES) expect(say).not.toMatch(/\b(drop|remove|leave) (it|them|this)\b/i);
  });

  test.each<[word: string, place: Place, advice: string]>([
    ['podSelector', 'end', 'pods: { namespaceSelector: {…}, podSelector: {…} }'],
    ['icmp-block', 'zone', 'baseline.disable'],
    ['to_ports', 'rule', 'ports: [80, 8000-8100, 53/UDP]'],
    ['app', 'labels', 'labels stand below matchLabels: { matchLabels: { app: … } }'],
    ['podSelector', 'labels', 'without a further selector: { matchLabels: {…} }'],
    ['serviceAccounts', 'labels', 'next to the selector of the pods, as serviceAccounts: [NAME]'],
    ['serviceAccounts', 'connection', 'fromServiceAccounts: [NAME], toServiceAccounts: [NAME]'],
    ['allNamespaces', 'group', 'everyNamespace: true'],
    ['richRules', 'zone', 'a zone of its own'],
    ['logDenied', 'nodes', 'log: Refused'],
    ['matchLabel', 'labels', 'did you mean "matchLabels"?'],
    ['nonsense', 'rule', 'nothing of that name exists here. Known are name, pods, '],
  ])('%s in a %s', (word, place, advice) => {
    expect(said(word, place)[0]).toContain(advice);
  });
});
