import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Opening } from '../../compiler/types.ts';
import type { NamespacePolicies } from '../observe/generated-objects.ts';
import { foreignFinding, type ForeignFinding } from './foreign.ts';
import {
  MAX_FOREIGN,
  MAX_PROBLEMS,
  status as statusSchema,
  type Status,
  type StatusProblem,
} from '../../api/status.ts';
import type { NodesReport } from '../nodes/nodes-report.ts';
import { computeStatus, type Finding } from './status.ts';

const fine: Finding = {
  type: 'compiled',
  problems: [],
  programming: { programmed: true },
  policies: { desired: 12, current: 12 },
  namespaces: { enforced: 10, observed: 0, exempt: 2 },
};
const problem = (fields: Partial<StatusProblem> = {}): StatusProblem => ({
  severity: 'problem',
  rule: 'default/blog/ingress/web',
  path: 'spec.namespaces[0].ingress[0].from[0].peer',
  reason: 'UnknownPeer',
  message: 'no peer is called "office": add it to spec.peers',
  ...fields,
});
const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const compute = (finding: Finding, previous?: Status, generation = 3, second = 0): Status =>
  computeStatus({ name: 'default', generation, previous, finding, now: at(second) });
const conditionsOf = (status: Status): Record<string, string> =>
  Object.fromEntries(
    (status.conditions ?? []).map(({ type, status: value, reason }) => [type, `${value} ${reason}`]),
  );

/**
 * Computes the status that kstatus gives to an object with this generation (sigs.k8s.io/cli-utils,
 * pkg/kstatus/status/generic.go).
 */
function kstatus(status: Status, generation: number): string {
  if (status.observedGeneration !== generation) return 'InProgress';
  const is = (type: string): string | undefined =>
    status.conditions?.find((each) => each.type === type)?.status;
  if (is('Stalled') === 'True') return 'Failed';
  if (is('Ready') === 'True') return 'Current';
  return 'InProgress';
}

const nodes: NodesReport = {
  selected: 3,
  enforced: 3,
  unsupported: 0,
  isEnforced: true,
  condition: { status: 'True', reason: 'Enforced', message: '' },
  trouble: 'none',
  failsafesOpen: [],
};

describe('nodes', () => {
  test('are counted, and have a condition', () => {
    const status = compute({ ...fine, nodes });
    expect(conditionsOf(status)).toMatchObject({ NodesEnforced: 'True Enforced', Ready: 'True Ready' });
    expect(status.nodes).toEqual({ selected: 3, enforced: 3, pending: 0, summary: '3/3' });
    expect(statusSchema.safeParse(status).success).toBe(true);
  });

  test('that are not enforced yet keep the firewall from being ready', () => {
    const condition = { status: 'False', reason: 'Progressing', message: 'not yet: a' } as const;
    const status = compute({ ...fine, nodes: { ...nodes, enforced: 2, condition, trouble: 'passing' } });
    expect(conditionsOf(status)).toMatchObject({ Programmed: 'True Programmed', Ready: 'False Progressing' });
    expect(kstatus(status, 3)).toBe('InProgress');
    expect(status.nodes?.summary).toBe('2/3');
  });

  test('that something stands in the way of are for a person to mend', () => {
    const condition = { status: 'False', reason: 'EndpointConflict', message: 'delete it' } as const;
    const status = compute({ ...fine, nodes: { ...nodes, condition, trouble: 'stalled' } });
    expect(conditionsOf(status)).toMatchObject({ Stalled: 'True EndpointConflict' });
    expect(kstatus(status, 3)).toBe('Failed');
  });

  test('that are observed are no trouble', () => {
    const condition = { status: 'False', reason: 'Observing', message: '' } as const;
    const status = compute({ ...fine, nodes: { ...nodes, enforced: 0, condition } });
    expect(conditionsOf(status)).toMatchObject({ NodesEnforced: 'False Observing', Ready: 'True Ready' });
  });

  test('failsafes that are open are named, and only then', () => {
    const open = compute({ ...fine, nodes: { ...nodes, failsafesOpen: ['22/TCP', '6443/TCP'] } });
    const condition = open.conditions?.find(({ type }) => type === 'FailsafesOpen');
    expect(condition?.message).toContain('22/TCP, 6443/TCP');
    expect(conditionsOf(open)['Ready']).toBe('True Ready');
    expect(conditionsOf(compute({ ...fine, nodes }, open))).not.toHaveProperty('FailsafesOpen');
  });

  test('with failsafes: Managed the message says what they wait for', () => {
    const failsafesNote = 'a FelixConfiguration of a node outranks it';
    const status = compute({ ...fine, nodes: { ...nodes, failsafesOpen: ['22/TCP'], failsafesNote } });
    const condition = status.conditions?.find(({ type }) => type === 'FailsafesOpen');
    expect(condition?.message).toContain(failsafesNote);
  });

  test('are enforced as before while the spec is invalid', () => {
    const before = compute({ ...fine, nodes: { ...nodes, failsafesOpen: ['22/TCP'] } });
    const after = compute({ type: 'invalid', issues: [{ path: 'spec', message: 'no' }] }, before, 4);
    expect(conditionsOf(after)).toMatchObject({ NodesEnforced: 'True Enforced', FailsafesOpen: 'True Open' });
    expect(after.nodes).toEqual(before.nodes);
  });
});

describe('objects of others', () => {
  const opening = {
    object: 'GlobalNetworkPolicy/security.all',
    opens: 'ingress of pods, before the default deny',
    accepted: false,
  };
  const foreign = (
    openings: readonly Opening[],
    policies: NamespacePolicies = { policies: [], isComplete: true },
  ): ForeignFinding =>
    foreignFinding(
      { openings, closed: { deny: { ingress: true, egress: false }, namespaces: new Set(['shop', 'blog']) } },
      policies,
    );
  const withForeign = (...openings: readonly Opening[]): Status =>
    compute({ ...fine, foreign: foreign(openings) });
  const messageOf = (status: Status, type: string): string | undefined =>
    status.conditions?.find((each) => each.type === type)?.message;

  test('that may open something are named, and MESSAGE begins with them', () => {
    const status = withForeign(opening, { ...opening, object: 'Tier/other' });
    const words =
      'GlobalNetworkPolicy/security.all may open ingress of pods, before the default deny (and 1 more)';
    expect(messageOf(status, 'Ready')).toBe(`${words}; every rule is programmed`);
    expect(messageOf(status, 'ForeignPolicies')).toBe(
      `${words}: remove or narrow it, or name it in spec.acceptForeign`,
    );
    expect(status.foreign).toEqual([
      { object: opening.object, opens: opening.opens },
      { object: 'Tier/other', opens: opening.opens },
    ]);
    expect(status.foreignCount).toEqual({ open: 2, accepted: 0 });
  });

  test('change neither Ready nor what kstatus says', () => {
    const status = withForeign(opening);
    expect(conditionsOf(status)).toEqual({ ...conditionsOf(compute(fine)), ForeignPolicies: 'True MayOpen' });
    expect(kstatus(status, 3)).toBe('Current');
  });

  test('come before whatever else MESSAGE says', () => {
    const status = compute({ ...fine, problems: [problem()], foreign: foreign([opening]) });
    expect(messageOf(status, 'Ready')).toMatch(
      /^GlobalNetworkPolicy\/security\.all may open .*; default\/blog/,
    );
  });

  test('that are accepted stay in the list, and raise nothing', () => {
    const status = withForeign({ ...opening, accepted: true });
    expect(status.foreign).toEqual([{ object: opening.object, opens: opening.opens, accepted: true }]);
    expect(status.foreignCount).toEqual({ open: 0, accepted: 1 });
    expect(conditionsOf(status)).toEqual(conditionsOf(compute(fine)));
    expect(messageOf(status, 'Ready')).toBe('every rule is programmed');
  });

  test('that cannot be seen need a right', () => {
    const status = withForeign({ ...opening, object: 'Tier/security', isUnseen: true });
    expect(conditionsOf(status)).toMatchObject({ ForeignPolicies: 'True NotVisible' });
    expect(messageOf(status, 'ForeignPolicies')).toContain('the right to read it');
  });

  test('are listed up to a bound, and counted beyond', () => {
    const many = Array.from({ length: 40 }, (_, index) => ({ ...opening, object: `Tier/t${index}` }));
    const status = withForeign(...many);
    expect(status.foreign).toHaveLength(MAX_FOREIGN);
    expect(status.foreignCount).toEqual({ open: 40, accepted: 0 });
    expect(statusSchema.safeParse(status).success).toBe(true);
  });

  test('stay while nothing is known of the spec', () => {
    const before = withForeign(opening);
    const after = compute({ type: 'invalid', issues: [{ path: 'spec', message: 'no' }] }, before, 4);
    expect(conditionsOf(after)).toMatchObject({ ForeignPolicies: 'True MayOpen' });
    expect(after.foreign).toEqual(before.foreign);
  });

  describe('in namespaces', () => {
    const policy = (namespace: string, direction: 'ingress' | 'egress', tier = 'default') => ({
      namespace,
      tier,
      allows: { ingress: direction === 'ingress', egress: direction === 'egress' },
      passes: { ingress: false, egress: false },
    });

    test('are counted where they open what is closed, and raise no condition', () => {
      const policies = [
        policy('blog', 'ingress'),
        policy('shop', 'ingress'),
        policy('shop', 'ingress'),
        policy('shop', 'egress'),
        policy('kube-system', 'ingress'),
        policy('blog', 'ingress', 'security'),
      ];
      const status = compute({ ...fine, foreign: foreign([], { policies, isComplete: true }) });
      expect(status.namespacePolicies).toEqual({
        policies: 3,
        namespaces: 2,
        largest: [
          { namespace: 'shop', policies: 2 },
          { namespace: 'blog', policies: 1 },
        ],
      });
      expect(conditionsOf(status)).toEqual(conditionsOf(compute(fine)));
    });

    test('that cannot be listed are said not to be counted', () => {
      const status = compute({ ...fine, foreign: foreign([], { policies: [], isComplete: false }) });
      expect(status.namespacePolicies).toEqual({ policies: 0, namespaces: 0, unlisted: true });
    });
  });
});

describe('conditions', () => {
  test('all is well', () => {
    const status = compute(fine);
    expect(conditionsOf(status)).toEqual({
      Accepted: 'True Valid',
      Programmed: 'True Programmed',
      Ready: 'True Ready',
      Stalled: 'False Ready',
    });
    expect(status.policies?.summary).toBe('12/12');
    expect(status.namespaces?.summary).toBe('10/12');
    expect(kstatus(status, 3)).toBe('Current');
    expect(kstatus(status, 4)).toBe('InProgress');
  });

  test('a rule with a problem: the rest is programmed, waiting will not mend it', () => {
    const status = compute({ ...fine, problems: [problem(), problem({ rule: 'default/blog/ingress/api' })] });
    expect(conditionsOf(status)).toEqual({
      Accepted: 'True Valid',
      PartiallyInvalid: 'True UnknownPeer',
      Programmed: 'True Programmed',
      Ready: 'False UnknownPeer',
      Stalled: 'True UnknownPeer',
    });
    const message = status.conditions?.find(({ type }) => type === 'Ready')?.message;
    expect(message).toBe(
      'default/blog/ingress/web: no peer is called "office": add it to spec.peers (and 1 more)',
    );
    expect(kstatus(status, 3)).toBe('Failed');
  });

  test('a rule with a problem while the rest is being programmed: it is the rule that stalls', () => {
    const programming = {
      programmed: false,
      reason: 'Progressing',
      message: '6 to go',
      stalled: false,
    } as const;
    const status = compute({ ...fine, problems: [problem()], programming });
    expect(conditionsOf(status)).toMatchObject({
      PartiallyInvalid: 'True UnknownPeer',
      Programmed: 'False Progressing',
      Ready: 'False Progressing',
      Stalled: 'True UnknownPeer',
    });
    const message = status.conditions?.find(({ type }) => type === 'Stalled')?.message;
    expect(message).toBe('default/blog/ingress/web: no peer is called "office": add it to spec.peers');
  });

  test('a problem that another object mends does not stall', () => {
    const status = compute({ ...fine, problems: [problem({ reason: 'NoDefaultFirewall' })] });
    expect(conditionsOf(status)).toMatchObject({
      Ready: 'False NoDefaultFirewall',
      Stalled: 'False Retrying',
    });
    expect(kstatus(status, 3)).toBe('InProgress');
  });

  test('a warning changes no condition', () => {
    const status = compute({
      ...fine,
      problems: [problem({ severity: 'warning', reason: 'NamespaceNotFound' })],
    });
    expect(conditionsOf(status)).toMatchObject({ Ready: 'True Ready', Stalled: 'False Ready' });
    expect(status.problems).toHaveLength(1);
  });

  test('an invalid spec names the first issue and keeps the counts', () => {
    const issues = [
      { path: 'spec.namespaces[0].ports', message: 'must not be empty' },
      { path: 'spec.mode', message: 'is required' },
    ];
    const status = compute({ type: 'invalid', issues }, compute(fine), 4);
    expect(conditionsOf(status)).toEqual({
      Accepted: 'False Invalid',
      Programmed: 'False Invalid',
      Ready: 'False Invalid',
      Stalled: 'True Invalid',
    });
    expect(status.conditions?.[0]?.message).toBe(
      'spec.namespaces[0].ports must not be empty (and 1 more); the objects that were programmed before stay',
    );
    expect(status.problems?.map(({ path }) => path)).toEqual(['spec.namespaces[0].ports', 'spec.mode']);
    expect(status.policies?.summary).toBe('12/12');
  });

  test('what cannot be programmed yet is retried; what only a person can mend stalls', () => {
    const failed = { programmed: false, reason: 'APIError', message: 'connection refused' } as const;
    expect(conditionsOf(compute({ ...fine, programming: { ...failed, stalled: false } }))).toMatchObject({
      Programmed: 'False APIError',
      Ready: 'False APIError',
      Stalled: 'False Retrying',
    });
    const taken = { ...failed, reason: 'NameTaken', stalled: true };
    expect(conditionsOf(compute({ ...fine, programming: taken }))).toMatchObject({
      Stalled: 'True NameTaken',
    });
    const altered = compute({ ...fine, programming: { ...taken, reason: 'Altered' } });
    expect(conditionsOf(altered)).toMatchObject({ Programmed: 'False Altered', Stalled: 'True Altered' });
    expect(kstatus(altered, 3)).toBe('Failed');
  });
});

describe('times', () => {
  test('move only where a status changes', () => {
    const first = compute(fine, undefined, 3, 1);
    const second = compute({ ...fine, problems: [problem()] }, first, 4, 2);
    const timesOf = (status: Status) =>
      Object.fromEntries(
        (status.conditions ?? []).map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
      );
    expect(timesOf(second)).toEqual({
      Accepted: '2026-01-01T00:00:01Z',
      PartiallyInvalid: '2026-01-01T00:00:02Z',
      Programmed: '2026-01-01T00:00:01Z',
      Ready: '2026-01-01T00:00:02Z',
      Stalled: '2026-01-01T00:00:02Z',
    });
  });

  test('the same finding again gives the same status', () => {
    const first = compute(fine, undefined, 3, 1);
    expect(compute(fine, first, 3, 2)).toEqual(first);
  });
});

describe('problems', () => {
  test('are bounded, and the condition says how many there are', () => {
    const problems = [
      problem({ severity: 'warning', rule: 'default/blog/ingress/w' }),
      ...Array.from({ length: MAX_PROBLEMS + 7 }, (_, index) =>
        problem({ rule: `default/blog/ingress/r${index}` }),
      ),
    ];
    const status = compute({ ...fine, problems });
    expect(status.problems).toHaveLength(MAX_PROBLEMS);
    expect(status.problems?.every(({ severity }) => severity === 'problem')).toBe(true);
    expect(status.conditions?.find(({ type }) => type === 'PartiallyInvalid')?.message).toContain(
      '107 problems, of which status.problems has the first 100',
    );
  });

  test('whatever happens, the status fits its schema', () => {
    const text = fc.string({ maxLength: 4000 });
    const findings = fc.oneof(
      fc.record({
        type: fc.constant('invalid' as const),
        issues: fc.array(fc.record({ path: text, message: text })),
      }),
      fc.record({
        type: fc.constant('compiled' as const),
        problems: fc.array(
          fc.record({
            severity: fc.constantFrom('problem' as const, 'warning' as const),
            rule: text,
            path: text,
            reason: fc.constantFrom('Refused', 'UnknownPeer'),
            message: text,
          }),
        ),
        programming: fc.constant({
          programmed: false,
          reason: 'NameTaken',
          message: 'x'.repeat(40_000),
          stalled: true,
        } as const),
        policies: fc.record({ desired: fc.nat(), current: fc.nat() }),
        namespaces: fc.constant(null),
      }),
    );
    fc.assert(
      fc.property(findings, (finding) => {
        expect(statusSchema.safeParse(compute(finding)).error).toBeUndefined();
      }),
    );
  });
});
