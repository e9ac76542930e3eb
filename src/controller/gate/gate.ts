/**
 * Holds back changes of specs that would break assertions, before anything is written
 * (docs/decisions/0022-assertions.md).
 */
import { isDeepStrictEqual } from 'node:util';
import { assertedBy } from '../../assertions/in-force.ts';
import type { Asserted, Judged } from '../../assertions/types.ts';
import { DEFAULT_FIREWALL, type ClusterFirewall, type Spec } from '../../api/schema.ts';
import type { Clock } from '../../cluster/clock.ts';
import type { Logger } from '../../cluster/logger.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { DEFAULT_OPERATOR_NAMESPACE } from '../../compiler/names.ts';
import type { Compile } from '../../compiler/types.ts';
import type { Inventory } from '../../inventory/types.ts';
import type { Authorship } from '../objects/authorship.ts';
import type { LiveObject } from '../objects/live.ts';
import type { StoredFirewall } from '../observe/firewalls.ts';
import type { AdminPolicyVersions } from '../observe/other-policies.ts';
import { judgeOf, type Judge } from './judge.ts';
import { Revisions } from './revisions.ts';
import { Eyes, LOOK_AGAIN_MS } from './sight.ts';
import { freed, meansTheSame, taking, type Part } from './specs.ts';

/** A change of a spec is judged by what is there now. */
const FRESH_MS = 2000;

/** A change that is held back. */
export interface Held {
  /** A sentence that names the assertion, the flow, and the rule that decides. */
  readonly message: string;
  /** True where nothing is known to have been let in, so everything stays as it is stored. */
  readonly isWhole: boolean;
}

export interface Admission {
  /** With the specs that count. */
  readonly firewalls: readonly StoredFirewall[];
  /** The keys are names. */
  readonly held: ReadonlyMap<string, Held>;
  /** The keys are names of firewalls with assertions. */
  readonly judged: ReadonlyMap<string, readonly Judged[]>;
  /** Milliseconds until others are looked at again; 0 for never. */
  readonly waitMs: number;
}

export interface AdmissionInput {
  readonly firewalls: readonly StoredFirewall[];
  readonly inventory: Inventory;
  readonly live: readonly LiveObject[];
  readonly adminPolicies: AdminPolicyVersions;
}

export interface GateOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly authorship: Pick<Authorship, 'wrote'>;
  readonly compile: Compile;
}

/** A firewall whose spec is judged. */
interface Candidate {
  readonly stored: StoredFirewall;
  readonly now: ClusterFirewall;
}

interface LetIn {
  readonly firewall: ClusterFirewall;
  /** The spec that asked for it. It differs where a part is held back. */
  readonly asked: ClusterFirewall;
}

/** The memory of one term of leadership. */
export class Gate {
  readonly #options: GateOptions;
  readonly #eyes: Eyes;
  #revisions: Revisions | undefined;
  /** The keys are uids. */
  readonly #letIn = new Map<string, LetIn>();
  readonly #held = new Map<string, Held>();
  /** The last judgements, with all that they were made of. */
  #last: { readonly inputs: readonly unknown[]; readonly judged: readonly Judged[] } | undefined;

  constructor(options: GateOptions) {
    this.#options = options;
    const { transport, clock, authorship } = options;
    this.#eyes = new Eyes(transport, clock, authorship);
  }

  /** The firewalls as they were let in last. */
  get letIn(): readonly ClusterFirewall[] {
    return [...this.#letIn.values()].map(({ firewall }) => firewall);
  }

  /** @throws ApiError or TransportError */
  async admit(input: AdmissionInput, signal: AbortSignal): Promise<Admission> {
    const candidates = candidatesIn(input.firewalls);
    const isDefaultInvalid = input.firewalls.some(
      ({ name, deleting, validation }) => name === DEFAULT_FIREWALL && !deleting && !validation.ok,
    );
    if (!isInPlay(input.firewalls)) {
      this.#letAllIn(candidates);
      return { firewalls: input.firewalls, held: new Map(), judged: new Map(), waitMs: 0 };
    }
    const revisions = (this.#revisions ??= new Revisions(
      this.#options.transport,
      input.inventory.operatorNamespace ?? DEFAULT_OPERATOR_NAMESPACE,
      this.#options.log,
    ));
    await this.#recall(input.firewalls, candidates, revisions, signal);
    if (!isDefaultInvalid)
      for (const candidate of candidates) await this.#admitOne(candidate, candidates, input, signal);
    await this.#keep(input.firewalls, candidates, revisions, signal);
    return this.#admission(candidates, input, signal);
  }

  #letAllIn(candidates: readonly Candidate[]): void {
    this.#eyes.forget();
    this.#held.clear();
    this.#last = undefined;
    for (const { stored, now } of candidates) this.#letIn.set(stored.uid, { firewall: now, asked: now });
  }

  /** After a restart. */
  async #recall(
    firewalls: readonly StoredFirewall[],
    candidates: readonly Candidate[],
    revisions: Revisions,
    signal: AbortSignal,
  ): Promise<void> {
    const uids = new Set(firewalls.map(({ uid }) => uid));
    for (const uid of this.#letIn.keys()) if (!uids.has(uid)) this.#letIn.delete(uid);
    for (const uid of this.#held.keys()) if (!uids.has(uid)) this.#held.delete(uid);
    for (const { stored } of candidates) {
      if (this.#letIn.has(stored.uid)) continue;
      const kept = await revisions.read(stored, signal);
      if (kept !== undefined) this.#letIn.set(stored.uid, { firewall: kept, asked: kept });
    }
  }

  async #admitOne(
    candidate: Candidate,
    all: readonly Candidate[],
    input: AdmissionInput,
    signal: AbortSignal,
  ): Promise<void> {
    const { stored, now } = candidate;
    const before = this.#letIn.get(stored.uid);
    if (before?.firewall === now) return;
    const letIn = (firewall: ClusterFirewall): void => {
      this.#held.delete(stored.uid);
      this.#letIn.set(stored.uid, { firewall, asked: now });
    };
    if (before !== undefined && meansTheSame(before.firewall.spec, now.spec)) {
      letIn(now);
      return;
    }
    const asserted = this.#assertedFor(candidate, all);
    if (asserted.length === 0) {
      letIn(now);
      return;
    }
    const maxAgeMs = before?.asked === now || this.#held.has(stored.uid) ? LOOK_AGAIN_MS : FRESH_MS;
    const sight = await this.#eyes.look(input.adminPolicies, maxAgeMs, signal);
    const kept = this.#keptWhole(input, stored.uid);
    const judge = judgeOf({ ...input, sight, compile: this.#options.compile, kept });
    const rest = all.flatMap(({ stored: { uid } }) =>
      uid === stored.uid ? [] : (this.#letIn.get(uid)?.firewall ?? []),
    );
    const result = decide({ judge, rest, asserted, before: before?.firewall, now });
    if (result.letIn !== undefined) letIn(result.letIn);
    if (result.held !== undefined) this.#held.set(stored.uid, result.held);
  }

  /** Firewalls of which nothing is compiled. */
  #keptWhole({ firewalls }: AdmissionInput, without: string): readonly string[] {
    return firewalls.flatMap(({ name, uid, deleting, validation }) =>
      deleting || uid === without || (validation.ok && this.#letIn.has(uid)) ? [] : [name],
    );
  }

  /** The assertions of the new spec, and those that the firewall called default has. */
  #assertedFor({ stored, now }: Candidate, all: readonly Candidate[]): readonly Asserted[] {
    const own = assertedBy([now]);
    if (stored.name === DEFAULT_FIREWALL) return own;
    const main = all.find(({ stored: { name } }) => name === DEFAULT_FIREWALL);
    const letIn = main === undefined ? undefined : this.#letIn.get(main.stored.uid);
    return [...own, ...(letIn === undefined ? [] : assertedBy([letIn.firewall]))];
  }

  async #keep(
    firewalls: readonly StoredFirewall[],
    candidates: readonly Candidate[],
    revisions: Revisions,
    signal: AbortSignal,
  ): Promise<void> {
    const has = ({ stored, now }: Candidate): boolean =>
      assertedBy([now, ...[this.#letIn.get(stored.uid)?.firewall ?? []].flat()]).length > 0;
    const isEverybody = candidates.some((each) => each.stored.name === DEFAULT_FIREWALL && has(each));
    const concerned = candidates.filter((each) => isEverybody || has(each));
    for (const { stored } of concerned) {
      const spec = this.#letIn.get(stored.uid)?.firewall.spec;
      if (spec !== undefined) await revisions.keep(stored, spec, signal);
    }
    const invalid = firewalls.filter(({ deleting, validation }) => !deleting && !validation.ok);
    const names = [...concerned.map(({ stored }) => stored), ...invalid].map(({ name }) => name);
    await revisions.retain(new Set(names), signal);
  }

  async #admission(
    candidates: readonly Candidate[],
    input: AdmissionInput,
    signal: AbortSignal,
  ): Promise<Admission> {
    const firewalls = input.firewalls.map((stored) => {
      const letIn = this.#letIn.get(stored.uid)?.firewall;
      return !stored.validation.ok || letIn === undefined || letIn === stored.validation.firewall
        ? stored
        : { ...stored, validation: { ok: true as const, firewall: letIn } };
    });
    const held = new Map(
      candidates.flatMap(({ stored: { name, uid } }) => {
        const found = this.#held.get(uid);
        return found === undefined ? [] : [[name, found] as const];
      }),
    );
    const asserted = assertedBy(candidates.map(({ now }) => now));
    if (asserted.length === 0) return { firewalls, held, judged: new Map(), waitMs: 0 };
    const sight = await this.#eyes.look(input.adminPolicies, LOOK_AGAIN_MS, signal);
    const compiled = candidates.flatMap(({ stored }) => this.#letIn.get(stored.uid)?.firewall ?? []);
    const kept = this.#keptWhole(input, '');
    const age = this.#options.clock.now() - sight.at;
    const inputs = [
      sight,
      this.#options.compile(compiled, input.inventory),
      ...asserted.map(({ assertion }) => assertion),
      ...kept,
    ];
    const isSame =
      this.#last?.inputs.length === inputs.length &&
      this.#last.inputs.every((each, index) => each === inputs[index]);
    const judged =
      isSame && this.#last !== undefined
        ? this.#last.judged
        : judgeOf({ ...input, sight, compile: this.#options.compile, kept })(compiled, asserted);
    this.#last = { inputs, judged };
    return {
      firewalls,
      held,
      judged: Map.groupBy(judged, ({ firewall }) => firewall),
      waitMs: age > 0 ? Math.max(1, LOOK_AGAIN_MS - age + 1) : 0,
    };
  }
}

/** Valid ones that stay, default first, then by name. */
function candidatesIn(firewalls: readonly StoredFirewall[]): readonly Candidate[] {
  const rank = ({ stored: { name } }: Candidate): string => (name === DEFAULT_FIREWALL ? '' : name);
  return firewalls
    .flatMap((stored) =>
      stored.validation.ok && !stored.deleting ? [{ stored, now: stored.validation.firewall }] : [],
    )
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** A status that speaks of assertions is a sign that specs were kept. */
const isInPlay = (firewalls: readonly StoredFirewall[]): boolean =>
  firewalls.some(
    ({ deleting, validation, status }) =>
      !deleting &&
      ((validation.ok && (validation.firewall.spec.assertions ?? []).length > 0) ||
        status?.conditions?.some(({ type }) => type === 'AssertionsHold') === true),
  );

interface Decision {
  readonly judge: Judge;
  /** The other firewalls, as they are let in. */
  readonly rest: readonly ClusterFirewall[];
  readonly asserted: readonly Asserted[];
  readonly before: ClusterFirewall | undefined;
  readonly now: ClusterFirewall;
}

interface Decided {
  /** Absent where nothing is let in. */
  readonly letIn?: ClusterFirewall;
  readonly held?: Held;
}

const PARTS: readonly Part[] = ['pods', 'nodes'];

function decide(given: Decision): Decided {
  const { before, now } = given;
  const broken = brokenBy(now, given);
  const [first] = broken;
  if (first === undefined) return { letIn: now };
  if (before === undefined) {
    const isFree = now.spec.mode === 'Observe' && now.spec.nodes?.mode !== 'Enforce';
    return isFree ? { letIn: now } : { held: heldBy(broken, [], true) };
  }
  const withSpec = (spec: Spec): ClusterFirewall => ({ metadata: now.metadata, spec });
  let spec = freed(before.spec, now.spec);
  for (const part of PARTS) {
    const wider = taking(spec, now.spec, part);
    if (!meansTheSame(wider, spec) && brokenBy(withSpec(wider), given).length === 0) spec = wider;
  }
  if (meansTheSame(spec, now.spec)) return { letIn: now };
  const parts = PARTS.filter((part) => !meansTheSame(taking(spec, now.spec, part), spec));
  const letIn = isDeepStrictEqual(spec, before.spec) ? before : withSpec(spec);
  return { letIn, held: heldBy(broken, parts, false) };
}

/** Assertions that would fail, and that do not fail already because the cluster has changed. */
function brokenBy(
  candidate: ClusterFirewall,
  { judge, rest, asserted, before }: Decision,
): readonly Judged[] {
  const failed = judge([...rest, candidate], asserted).filter(({ judgement }) => judgement.is === 'Fails');
  if (failed.length === 0 || before === undefined) return failed;
  const known = before.spec.assertions ?? [];
  const isNew = ({ firewall, assertion }: Asserted): boolean =>
    firewall === candidate.metadata.name && !known.some((each) => isDeepStrictEqual(each, assertion));
  const failedBefore = judge([...rest, before], failed).map(({ judgement }) => judgement.is === 'Fails');
  return failed.filter((each, index) => isNew(each) || failedBefore[index] !== true);
}

function heldBy(broken: readonly Judged[], parts: readonly Part[], isWhole: boolean): Held {
  const [first] = broken;
  const what = parts.length === 1 ? `the change for ${parts[0] ?? ''}` : 'the change';
  const more = broken.length > 1 ? ` (and ${String(broken.length - 1)} more)` : '';
  const why = first === undefined ? '' : failureText(first);
  const kept = isWhole
    ? 'no spec is known that was let in before, so everything that is stored stays as it is, and nodes, namespaces and drift wait'
    : 'the spec that was let in last stays in force';
  return { message: `${what} is held back, because it would break ${why}${more}; ${kept}`, isWhole };
}

/** Names the assertion, the flow, and the rule that decides. */
export function failureText({ firewall, assertion: { name, expect }, judgement }: Judged): string {
  if (judgement.is !== 'Fails') return `the assertion ${name} of ${firewall}`;
  const { flow, verdict, because } = judgement;
  return `the assertion ${name} of ${firewall}: ${flow} is ${verdict}, not ${expect}: ${because}`;
}
