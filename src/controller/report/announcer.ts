import type { WarningReason } from '../../compiler/types.ts';
import type { StatusProblem } from '../../api/status.ts';
import type { EventNote } from '../../cluster/objects/events.ts';
import type { Repair } from '../apply/journal.ts';
import { reference, type StoredFirewall } from '../observe/firewalls.ts';
import { ASSERTION_FAILED } from './assertions.ts';
import { isReported, type Finding } from './status.ts';

interface Announced {
  readonly problems: ReadonlyMap<string, StatusProblem>;
  /** `Ready`, or the reason why the firewall as a whole is not ready. */
  readonly readiness: string;
}

interface Readiness {
  readonly name: string;
  readonly message: string;
}

const READY = 'Ready';
const INVALID = 'Invalid';
const EXEMPT_BY_LABEL: WarningReason = 'ExemptByLabel';
/** Warnings that are worth an Event. */
const ANNOUNCED: ReadonlySet<string> = new Set([EXEMPT_BY_LABEL, ASSERTION_FAILED]);
/**
 * The firewall has problems, each with an Event of its own, or it is on its way. Neither is worth another
 * Event.
 */
const IN_BETWEEN = '';

/**
 * Makes the Events: for a problem of a rule that appears or is resolved, and for a firewall that becomes
 * ready or stops being so. Remembers what it has announced. After a restart, the stored status says it.
 */
export class Announcer {
  readonly #announced = new Map<string, Announced>();

  /** Events for everything that is new since the last finding of this firewall. */
  notes(firewall: StoredFirewall, finding: Finding): readonly EventNote[] {
    const before = this.#announced.get(firewall.uid) ?? announcedBy(firewall);
    const problems = problemsOf(firewall.name, finding, before.problems);
    const readiness = readinessOf(finding);
    this.#announced.set(firewall.uid, { problems, readiness: readiness.name });
    const notes = [
      ...(readiness.name === before.readiness || readiness.name === IN_BETWEEN
        ? []
        : [readinessNote(readiness)]),
      ...missingFrom(before.problems, problems).map(problemNote),
      ...missingFrom(problems, before.problems).map(resolvedNote),
    ];
    return notes.map((note) => ({ ...note, regarding: reference(firewall) }));
  }

  /** Forgets firewalls that do not exist any more. */
  retain(firewalls: readonly StoredFirewall[]): void {
    const uids = new Set(firewalls.map(({ uid }) => uid));
    for (const uid of this.#announced.keys()) if (!uids.has(uid)) this.#announced.delete(uid);
  }
}

type Note = Omit<EventNote, 'regarding'>;

const readinessNote = ({ name, message }: Readiness): Note => ({
  type: name === READY ? 'Normal' : 'Warning',
  reason: name,
  action: 'Program',
  note: message,
});

const problemNote = ({ rule, path, reason, message }: StatusProblem): Note => ({
  type: 'Warning',
  reason,
  action: 'Compile',
  note: `${rule}: ${message} (${path})`,
});

export const repairNote = ({ damage }: Repair): Note => ({
  type: 'Warning',
  reason: 'DriftRepaired',
  action: 'Repair',
  note: `${damage}; it is as desired again`,
});

const resolvedNote = ({ rule, path, reason }: StatusProblem): Note => ({
  type: 'Normal',
  reason: 'Resolved',
  action: 'Compile',
  note: `${rule}: no longer ${reason} (${path})`,
});

function announcedBy({ status }: StoredFirewall): Announced {
  const ready = status?.conditions?.find(({ type }) => type === READY);
  return { problems: byKey(status?.problems ?? []), readiness: ready?.reason ?? IN_BETWEEN };
}

/** While nothing can be done about the spec, the problems that were announced stay as they are. */
function problemsOf(
  firewall: string,
  finding: Finding,
  before: Announced['problems'],
): Announced['problems'] {
  switch (finding.type) {
    case 'blocked':
      return before;
    case 'invalid': {
      const kept = [...before.values()].filter(({ reason }) => reason !== INVALID);
      const issues = finding.issues.map(({ path, message }) => ({
        severity: 'problem' as const,
        rule: firewall,
        path,
        reason: INVALID,
        message,
      }));
      return byKey([...kept, ...issues]);
    }
    case 'compiled':
      return byKey(finding.problems);
  }
}

function readinessOf(finding: Finding): Readiness {
  switch (finding.type) {
    case 'invalid':
      return { name: IN_BETWEEN, message: '' };
    case 'blocked':
      return { name: finding.reason, message: finding.message };
    case 'compiled': {
      const { programming, nodes } = finding;
      const problems = finding.problems.filter(({ severity }) => severity === 'problem');
      if (programming.programmed) {
        if (problems.length > 0 || nodes?.trouble === 'passing') return { name: IN_BETWEEN, message: '' };
        if (nodes?.trouble === 'stalled')
          return { name: nodes.condition.reason, message: nodes.condition.message };
        return { name: READY, message: 'every rule is programmed' };
      }
      const { reason, message } = programming;
      return { name: isReported(programming, problems) ? IN_BETWEEN : reason, message };
    }
  }
}

/**
 * Warnings are left out, because a selector that matches nothing yet is how every GitOps rollout begins. A namespace
 * that leaves the firewall by a label, and an assertion that fails, are the exceptions.
 */
const byKey = (problems: readonly StatusProblem[]): Announced['problems'] =>
  new Map(
    problems
      .filter(({ severity, reason }) => severity === 'problem' || ANNOUNCED.has(reason))
      .map((problem) => [JSON.stringify([problem.rule, problem.path, problem.reason]), problem]),
  );

const missingFrom = (
  known: Announced['problems'],
  problems: Announced['problems'],
): readonly StatusProblem[] => [...problems].filter(([key]) => !known.has(key)).map(([, problem]) => problem);
