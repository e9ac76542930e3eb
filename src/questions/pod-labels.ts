/** Labels that say which program a pod runs. */
import type { Labels, Pod } from '../simulator/world.ts';

/** The best one first. */
const PROGRAM = ['app.kubernetes.io/name', 'app', 'k8s-app', 'app.kubernetes.io/instance'];
const TELLING = [...PROGRAM, 'app.kubernetes.io/component'];
/** Labels that change with each version of a program, or with each of its pods. */
const PASSING =
  /^(?:pod-template-hash|controller-revision-hash|pod-template-generation|.*\/pod-name|.*\/pod-index|(?:batch\.kubernetes\.io\/)?(?:controller-uid|job-name|job-completion-index))$/;

/** Those by which a rule should select the pod, and others of its program. */
export function lastingLabels({ labels }: Pod): Labels {
  const telling = Object.entries(labels).filter(([key]) => TELLING.includes(key));
  const lasting = Object.entries(labels).filter(([key]) => !PASSING.test(key));
  return Object.fromEntries(telling.length > 0 ? telling : lasting);
}

/** `wordpress/app=mariadb`, or undefined for a pod without such a label. */
export function programOf({ namespace, labels }: Pod): string | undefined {
  const key = PROGRAM.find((label) => labels[label] !== undefined);
  return key === undefined ? undefined : `${namespace}/${key.replace(/^.*\//, '')}=${labels[key] ?? ''}`;
}
