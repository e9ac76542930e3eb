/** Explanations for programs. Absent fields are left out. */
import { formatCidr } from '../../net/cidr.ts';
import type { Cause } from '../../questions/cause.ts';
import type { End } from '../../questions/ends.ts';
import type { Explanation } from '../../questions/explain.ts';
import type { Passed } from '../../questions/passed.ts';
import type { Staged } from '../../questions/staged.ts';
import { cidrsOf } from '../../simulator/outside.ts';
import type { Verdict } from '../../simulator/decision.ts';

export const explanationsJson = (
  verdict: Verdict,
  explanations: readonly Explanation[],
  around: object,
): string =>
  `${JSON.stringify({ verdict, answers: explanations.map(answerFields), ...around }, undefined, 2)}\n`;

const answerFields = ({ answer, path, cause, nearest, addition, remarks, staged }: Explanation) => ({
  verdict: cause.verdict,
  from: endFields(answer.from),
  to: endFields(answer.to),
  packet: {
    family: answer.header.family,
    protocol: answer.header.protocol,
    port: answer.header.port,
    source: answer.outcome.steps[0]?.source,
    destination: answer.sent.destination,
  },
  because: causeFields(cause),
  path: path.map(passedFields),
  nearest,
  addition,
  remarks,
  staged: staged && stagedFields(staged),
});

/** The verdict with all staged policies enforced. */
const stagedFields = ({ verdict, decidedAt: { step, cause }, removals }: Staged) => ({
  verdict,
  layer: step.layer,
  because: causeFields(cause),
  removals,
});

const endFields = (end: End) => ({
  kind: end.kind,
  name: end.name,
  ...(end.kind === 'outside' && end.class !== undefined && { cidrs: cidrsOf(end.class).map(formatCidr) }),
  ...(end.kind === 'pod' &&
    end.isAssumed && { assumed: true, node: end.pod.node, addresses: end.pod.addresses }),
});

const causeFields = ({ text, rule, policies }: Cause) => ({ text, rule, policies });

const passedFields = ({ step, cause }: Passed) => ({
  node: step.node,
  layer: step.layer,
  endpoint: step.endpoint,
  source: step.source,
  destination: step.destination,
  port: step.port,
  verdict: cause.verdict,
  because: causeFields(cause),
});
