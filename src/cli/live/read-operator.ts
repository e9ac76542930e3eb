/** Reads what tells of the operator: its objects, reduced to src/snapshot/records.ts, and its log. */
import { messageOf, TransportError } from '../../cluster/errors.ts';
import type { Transport } from '../../cluster/http/transport.ts';
import { objectPath, type Resource } from '../../cluster/resource.ts';
import { DEFAULT_OPERATOR_NAMESPACE, OPERATOR_NAME } from '../../compiler/names.ts';
import { operatorDeployments } from '../../inspect/deployments.ts';
import { valueAt } from '../../json.ts';
import type { Lack } from '../../snapshot/file.ts';
import { RECORDS } from '../../snapshot/records.ts';
import { listAll } from './read-cluster.ts';

export interface OperatorRecords {
  /** The keys are those of RECORDS. */
  readonly objects: Readonly<Record<keyof typeof RECORDS, readonly unknown[]>>;
  /** The keys are names of pods; `NAME-previous` is that of the container before the last restart. */
  readonly logs: ReadonlyMap<string, string>;
  readonly lacks: readonly Lack[];
}

const OURS = { labelSelector: `app.kubernetes.io/name=${OPERATOR_NAME}` };
const BY_NAME = { fieldSelector: `metadata.name=${OPERATOR_NAME}` };
/** Events of the operator are where the object is that they are about. */
const REPORTED = { fieldSelector: 'reportingController=clusterfirewall.io/operator' };

/**
 * @param namespace that of the operator; without it, wherever a Deployment is
 * @throws TransportError when the server does not answer
 */
export async function readOperator(transport: Transport, namespace?: string): Promise<OperatorRecords> {
  const lacks: Lack[] = [];
  const orLack = async <T>(kind: string, answer: Promise<readonly T[]>): Promise<readonly T[]> => {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof TransportError) throw error;
      lacks.push({ kind, because: messageOf(error) });
      return [];
    }
  };
  const read = (record: keyof typeof RECORDS, place?: string, options = {}): Promise<readonly unknown[]> => {
    const of = RECORDS[record];
    return orLack(
      of.kind,
      listAll(transport, { ...of, ...(place !== undefined && { namespace: place }) }, options),
    );
  };

  const found = await orLack('Deployment', operatorDeployments(transport, namespace));
  const places =
    found.length > 0 ? found.map((each) => each.namespace) : [namespace ?? DEFAULT_OPERATOR_NAMESPACE];
  const inEach = async (record: keyof typeof RECORDS, options = {}): Promise<readonly unknown[]> =>
    (await Promise.all(places.map((place) => read(record, place, options)))).flat();
  const [firewalls, deployments, pods, leases, around, reported] = await Promise.all([
    read('firewalls'),
    inEach('deployments', OURS),
    inEach('pods', OURS),
    inEach('leases', BY_NAME),
    inEach('events'),
    read('events', undefined, REPORTED),
  ]);
  const logs = new Map<string, string>();
  for (const pod of pods) {
    for (const [name, previous] of logsOf(pod)) {
      const [text] = await orLack(`log of ${name}`, logOf(transport, pod, previous));
      if (text !== undefined) logs.set(name, text);
    }
  }
  const events = [...new Map([...around, ...reported].map((each) => [JSON.stringify(each), each])).values()];
  return { objects: { firewalls, deployments, pods, leases, events }, logs, lacks };
}

/** A container that was started again says in its previous log why it ended. */
function logsOf(pod: unknown): readonly (readonly [name: string, previous: boolean])[] {
  const name = String(valueAt(pod, 'metadata', 'name'));
  const restarts = valueAt(pod, 'status', 'containerStatuses', 0, 'restartCount');
  return [
    [name, false],
    ...(typeof restarts === 'number' && restarts > 0 ? [[`${name}-previous`, true] as const] : []),
  ];
}

const PODS: Resource = RECORDS.pods;
/** More than a day of a quiet operator. */
const LOG = { tailLines: 5000, limitBytes: 4 << 20 };

async function logOf(transport: Transport, pod: unknown, previous: boolean): Promise<readonly string[]> {
  const [namespace, name] = ['namespace', 'name'].map((key) => String(valueAt(pod, 'metadata', key)));
  const { body } = await transport.request({
    method: 'GET',
    path: objectPath({ ...PODS, namespace: namespace ?? '' }, name ?? '', 'log'),
    query: { ...LOG, previous },
    accept: 'text/plain,*/*',
  });
  return [typeof body === 'string' ? body : JSON.stringify(body)];
}
