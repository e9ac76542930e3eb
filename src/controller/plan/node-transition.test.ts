import { describe, expect, test } from '@jest/globals';
import type { DesiredObject } from '../../compiler/types.ts';
import type { OwnedObject } from '../objects/live.ts';
import {
  allow,
  creation,
  deny,
  endpoint,
  finalDeny,
  live,
  nodeAllow,
  removal,
  replacement,
  set,
} from '../testing/objects.ts';
import { nodeShadows, shadowName } from './node-shadows.ts';
import { nodeChange, type NodeChange, type NodeChangeInput } from './node-transition.ts';
import type { Step } from './step.ts';
import { ruleId } from '../../compiler/names.ts';

const zone = (name: string): DesiredObject =>
  nodeAllow({ name: `cfw-${name}`, rules: [`default/nodes/zones/${name}`] });
const block = (): DesiredObject => nodeAllow({ name: 'cfw-blocked', rules: ['default/nodes/blocked'] });
const podBlock = (): DesiredObject => nodeAllow({ name: 'cfw-pods', rules: ['default/nodes/pods'] });
const addresses = (...nets: readonly string[]): DesiredObject => {
  const made = set({ name: 'judged', rules: ['default/nodes/judged'] });
  return { ...made, object: { ...made.object, spec: { nets } } as DesiredObject['object'] };
};
/** On the ports that a node forwards, which is another layer than the node's own. */
const beforeDNAT = (made: DesiredObject): DesiredObject => ({
  ...made,
  object: { ...made.object, spec: { ...made.object.spec, preDNAT: true } } as DesiredObject['object'],
});
/** A step that puts something else in its place. The steps alone say what is wanted, whatever they change. */
const changed = (make: () => DesiredObject): Step => replacement(make(), make());
const changedZone = (name: string): Step => changed(() => zone(name));
const changedFinal = replacement(finalDeny(), {
  ...finalDeny(),
  rules: [ruleId('default/nodes/deny'), ruleId('more')],
});
const lo = endpoint('n', 'lo');
const all = endpoint('n', '*');
const some = set({ name: 'office' });
const pods = allow({ name: 'web' });

const change = (steps: readonly Step[], given: Partial<NodeChangeInput> = {}): NodeChange =>
  nodeChange({ steps, stored: [], shadows: undefined, ...given });

const owned = (desired: DesiredObject): OwnedObject => {
  const stored = live(desired);
  if (!stored.ours) throw new Error('not ours');
  return stored;
};

describe('waves wait for one another', () => {
  test.each<[what: string, ...steps: Step[]]>([
    ['a set comes with what lets in', creation(some), creation(zone('a'))],
    ['a set comes with what refuses', creation(some), creation(block())],
    ['a set comes with the last policy', creation(some), creation(finalDeny())],
    ['a set goes with its policy', removal(some), removal(zone('a'))],
    ['one set goes and another comes', creation(set({ name: 'b' })), removal(some), removal(zone('a'))],
    ['a set goes with its policy and another comes', removal(some), removal(zone('a')), creation(zone('b'))],
    ['one exemption of lo goes', removal(lo), creation(endpoint('m', 'lo')), removal(finalDeny())],
    ['an endpoint joins new policies', creation(all), creation(finalDeny())],
    ['an endpoint leaves policies', removal(all), removal(zone('a'))],
    ['an endpoint changes', replacement(all, endpoint('n', '*')), creation(block())],
    ['an endpoint joins when addresses go', creation(all), replacement(addresses('a', 'b'), addresses('b'))],
    ['an endpoint joins when all addresses go', creation(all), removal(addresses('a'))],
    ['an endpoint leaves when addresses come', removal(all), creation(addresses('a'))],
    ['one endpoint leaves, one joins', creation(all), removal(endpoint('m', '*')), creation(addresses('a'))],
    ['addresses come with the policy that means them', creation(addresses('a')), creation(finalDeny())],
    ['a block bounds an allow of pods', creation(block()), removal(pods)],
    ['a block at pods bounds an allow of pods', creation(podBlock()), creation(pods)],
    ['the exemption of lo goes with the last policy', removal(lo), removal(finalDeny())],
    ['the exemption of lo goes with a policy that observes', removal(lo), removal(finalDeny('Allow'))],
  ])('when %s', (_, ...steps) => {
    expect(change(steps).staged).toBe(true);
  });

  test.each<[what: string, ...steps: Step[]]>([
    ['there is nothing to do'],
    ['a policy comes alone', creation(zone('a'))],
    ['a block comes alone', creation(block())],
    ['a set comes when its policy goes', creation(some), removal(zone('a'))],
    ['a set goes when a policy comes', removal(some), creation(zone('a'))],
    ['a set changes', replacement(some, set({ name: 'office', content: '10.0.0.0/8' })), removal(zone('a'))],
    [
      'a set changes with a policy',
      replacement(some, set({ name: 'office', content: 'x' })),
      creation(zone('a')),
    ],
    ['a set comes alone', creation(some)],
    ['an endpoint joins alone', creation(all)],
    ['an endpoint leaves alone', removal(all)],
    ['an endpoint joins when addresses come', creation(all), creation(addresses('a'))],
    [
      'an endpoint joins when addresses are added',
      creation(all),
      replacement(addresses('a'), addresses('a', 'b')),
    ],
    [
      'an endpoint joins when a set begins to count',
      creation(all),
      replacement(set({ name: 'judged' }), addresses('a')),
    ],
    ['addresses go alone', removal(addresses('a'))],
    ['policies of pods change with an endpoint', creation(all), removal(pods)],
    ['lo goes alone', removal(lo)],
    ['lo comes when the last policy goes', creation(lo), removal(finalDeny())],
    ['lo goes when the last policy comes', removal(lo), creation(finalDeny())],
  ])('not when %s', (_, ...steps) => {
    expect(change(steps)).toEqual({ wanted: [], kept: [], staged: false, needsStored: false });
  });
});

describe('a shadow is wanted', () => {
  /** Names of the policies that get shadows. */
  const shadowed = (steps: readonly Step[]): readonly string[] => {
    const stored = [zone('a'), zone('b'), block(), podBlock(), finalDeny()];
    const shadows = new Map(stored.map((each) => [each.object.metadata.name, each]));
    return change(steps, { shadows }).wanted.map(({ object }) => object.metadata.name);
  };

  test.each<[what: string, wanted: readonly string[], ...steps: Step[]]>([
    ['when two rules may exchange sources', ['cfw-a', 'cfw-b'], changedZone('a'), changedZone('b')],
    ['of one rule alone: no', [], changedZone('a')],
    ['when another rule is new: no', [], changedZone('a'), creation(zone('b'))],
    ['of two rules in different layers: no', [], changedZone('a'), changed(() => beforeDNAT(zone('b')))],
    ['of two policies of one rule: no', [], changedZone('a'), changedZone('a')],
    ['when the last policy goes meanwhile', ['cfw-a'], changedZone('a'), removal(finalDeny())],
    ['when the last policy observes no more: no', [], changedZone('a'), creation(finalDeny())],
    ['when addresses go', ['cfw-a'], changedZone('a'), removal(addresses('a'))],
    ['when addresses come: no', [], changedZone('a'), creation(addresses('a'))],
    ['when an endpoint changes', ['cfw-a'], changedZone('a'), replacement(all, all)],
    ['when an endpoint joins: no', [], changedZone('a'), creation(all)],
    ['of a block when an allow comes', ['cfw-blocked'], changed(block), creation(zone('a'))],
    ['of a block when the last policy comes', ['cfw-blocked'], changed(block), creation(finalDeny())],
    ['of a block when an allow of pods comes', ['cfw-blocked'], changed(block), creation(pods)],
    [
      'of a block at pods when a default deny comes',
      ['cfw-pods'],
      changed(podBlock),
      creation(deny({ name: 'd' })),
    ],
    ['of a block alone: no', [], changed(block), changed(podBlock)],
    ['of a block when a set goes: no', [], changed(block), removal(some)],
    ['of a block when a set comes: no', [], changed(block), creation(some)],
    ['of a block that goes: no', [], removal(block()), creation(zone('a'))],
    ['of a new block: no', [], creation(block()), creation(zone('a'))],
    ['of the last policy when addresses change', ['last'], changedFinal, creation(addresses('a'))],
    ['of the last policy alone: no', [], changedFinal],
    [
      'of a last policy that begins to deny: no',
      [],
      replacement(finalDeny('Allow'), finalDeny()),
      creation(addresses('a')),
    ],
    ['of a last policy that goes: no', [], removal(finalDeny()), creation(addresses('a'))],
  ])('%s', (_, wanted, ...steps) => {
    expect(shadowed(steps)).toEqual(wanted);
  });

  test('and asked for where it was not read, and waves wait for it', () => {
    const steps = [changedZone('a'), changedZone('b')];
    expect(change(steps)).toEqual({ wanted: [], kept: [], staged: true, needsStored: true });
    expect(change(steps, { shadows: new Map() })).toMatchObject({ staged: true, needsStored: false });
  });

  test('by waves that wait for one another, also where it is the only one', () => {
    expect(change([changedZone('a'), removal(finalDeny())])).toMatchObject({
      staged: true,
      needsStored: true,
    });
  });

  test('and not written again', () => {
    const policies = [zone('a'), zone('b')];
    const shadows = nodeShadows(
      policies.map(({ object }) => ({ ...object, metadata: { ...object.metadata } })),
    );
    const stored = [...shadows.values()].map(owned);
    const steps = [changedZone('a'), changedZone('b')];
    expect(change(steps, { shadows }).wanted).toEqual([...shadows.values()]);
    expect(change(steps, { stored: stored.slice(0, 1) })).toMatchObject({ needsStored: true });
    expect(change(steps, { stored })).toEqual({ wanted: [], kept: stored, staged: true, needsStored: false });
  });
});

describe('a stored shadow', () => {
  const shadow = (name: string, ...more: readonly string[]): OwnedObject =>
    owned(nodeAllow({ name: shadowName('default', name), rules: ['default/nodes/bridge-from', ...more] }));
  const ofZone = shadow('cfw.a');
  const atPods = shadow('cfw.pods', 'default/nodes/bridge-pods');
  const stored = [ofZone, atPods];

  test.each<[what: string, kept: readonly OwnedObject[], staged: boolean, ...steps: Step[]]>([
    ['stays until what comes has come', stored, true, creation(zone('a'))],
    ['goes before the old policies, but at pods', [atPods], true, removal(zone('a'))],
    ['stays at pods until endpoints have joined', [atPods], true, creation(all)],
    ['goes before the sets', [], true, removal(some)],
    ['goes in the end', [], true],
  ])('%s', (_, kept, staged, ...steps) => {
    expect(change(steps, { stored })).toEqual({ wanted: [], kept, staged, needsStored: false });
    expect(change(steps, { stored: [ofZone] }).staged).toBe(staged);
  });
});
