import { describe, expect, test } from '@jest/globals';
import type { Status, StatusProblem } from '../../api/status.ts';
import { Announcer } from './announcer.ts';
import { projectFirewall, type StoredFirewall } from '../observe/firewalls.ts';
import { computeStatus, type Finding, type Programming } from './status.ts';

const stored = (status?: Status): StoredFirewall =>
  projectFirewall({
    metadata: { name: 'default', uid: 'u1', resourceVersion: '1', generation: 1 },
    spec: { mode: 'Enforce' },
    ...(status === undefined ? {} : { status }),
  });

const problem = (rule: string, reason = 'UnknownPeer'): StatusProblem => ({
  severity: 'problem',
  rule,
  path: `spec.${rule}`,
  reason,
  message: 'there is no such peer: add it to spec.peers',
});

const PROGRAMMED: Programming = { programmed: true };

const compiled = (
  problems: readonly StatusProblem[] = [],
  programming: Programming = PROGRAMMED,
): Finding => ({
  type: 'compiled',
  problems,
  programming,
  policies: { desired: 1, current: 1 },
  namespaces: null,
});

const unprogrammed = (reason: string): Programming => ({
  programmed: false,
  reason,
  message: 'look',
  stalled: true,
});

const statusOf = (finding: Finding): Status =>
  computeStatus({ name: 'default', generation: 1, previous: undefined, finding, now: new Date(0) });

/** The Events of each finding in turn, as `TYPE REASON`. */
function told(findings: readonly Finding[], firewall = stored()): readonly (readonly string[])[] {
  const announcer = new Announcer();
  return findings.map((finding) =>
    announcer.notes(firewall, finding).map(({ type, reason }) => `${type} ${reason}`),
  );
}

describe('a problem', () => {
  test('is told with rule, field and remedy, about the firewall', () => {
    expect(new Announcer().notes(stored(), compiled([problem('blog/web')]))).toEqual([
      {
        type: 'Warning',
        reason: 'UnknownPeer',
        action: 'Compile',
        note: 'blog/web: there is no such peer: add it to spec.peers (spec.blog/web)',
        regarding: expect.objectContaining({ kind: 'ClusterFirewall', name: 'default', uid: 'u1' }),
      },
    ]);
  });

  test('is told once, and once more when it is resolved', () => {
    const [a, b] = [problem('blog/web'), problem('blog/db')];
    expect(told([compiled([a]), compiled([a]), compiled([a, b]), compiled([b]), compiled()])).toEqual([
      ['Warning UnknownPeer'],
      [],
      ['Warning UnknownPeer'],
      ['Normal Resolved'],
      ['Normal Ready', 'Normal Resolved'],
    ]);
  });

  test('that is only a warning is told where a namespace leaves the firewall by its label', () => {
    const exempt = {
      ...problem('default/defaults/exempt/shop', 'ExemptByLabel'),
      severity: 'warning' as const,
    };
    expect(told([compiled([exempt]), compiled([])])).toEqual([
      ['Normal Ready', 'Warning ExemptByLabel'],
      ['Normal Resolved'],
    ]);
  });

  test('that is only a warning is not told', () => {
    expect(told([compiled([{ ...problem('blog/web'), severity: 'warning' }])])).toEqual([['Normal Ready']]);
  });

  test('is not resolved by an invalid spec, nor by Calico going away', () => {
    const invalid: Finding = { type: 'invalid', issues: [{ path: 'spec.mode', message: 'is required' }] };
    const blocked: Finding = {
      type: 'blocked',
      reason: 'CalicoUnavailable',
      message: 'look',
      stalled: false,
    };
    const web = compiled([problem('blog/web')]);
    expect(told([web, invalid, invalid, web, blocked, web])).toEqual([
      ['Warning UnknownPeer'],
      ['Warning Invalid'],
      [],
      ['Normal Resolved'],
      ['Warning CalicoUnavailable'],
      [],
    ]);
  });
});

describe('the firewall as a whole', () => {
  test('becomes ready, also after each change on the way', () => {
    const progressing = compiled([], unprogrammed('Progressing'));
    expect(told([progressing, compiled(), compiled(), progressing, compiled()])).toEqual([
      [],
      ['Normal Ready'],
      [],
      [],
      ['Normal Ready'],
    ]);
  });

  test('says why it is not, but not twice what a rule says already', () => {
    expect(told([compiled([], unprogrammed('DriftContested')), compiled()])).toEqual([
      ['Warning DriftContested'],
      ['Normal Ready'],
    ]);
    expect(told([compiled([problem('blog/web', 'NameTaken')], unprogrammed('NameTaken'))])).toEqual([
      ['Warning NameTaken'],
    ]);
  });
});

describe('a new leader', () => {
  test.each<[string, Finding]>([
    ['ready', compiled()],
    ['a problem', compiled([problem('blog/web')])],
    ['contested', compiled([], unprogrammed('DriftContested'))],
    ['blocked', { type: 'blocked', reason: 'CalicoNotInstalled', message: 'install it', stalled: false }],
  ])('does not repeat what the status says already: %s', (_, finding) => {
    expect(told([finding], stored(statusOf(finding)))).toEqual([[]]);
  });

  test('tells what was resolved while nobody led', () => {
    const before = stored(statusOf(compiled([problem('blog/web')])));
    expect(told([compiled()], before)).toEqual([['Normal Ready', 'Normal Resolved']]);
  });
});
