/** The text of install.yaml. */
import { dump } from 'js-yaml';
import { readWhole } from './kustomization.ts';

/** The image in config/manager/deployment.yaml. */
const IMAGE = /^( +image: )clusterfirewall:\S+$/m;
/** Other objects need these, and `kubectl apply` creates in the order of the file. */
const FIRST = ['Namespace', 'CustomResourceDefinition'];

/**
 * The objects of config/default.
 * @param image reference of the operator's image, by tag or digest
 * @throws when no Deployment has the image of config/manager
 */
export function installYaml(image: string): string {
  const rank = ({ kind }: { readonly kind: string }): number =>
    FIRST.includes(kind) ? FIRST.indexOf(kind) : 2;
  const objects = [...readWhole('config/default')].sort((a, b) => rank(a) - rank(b));
  const text = objects.map((each) => dump(each, { lineWidth: -1, noRefs: true })).join('---\n');
  if (!IMAGE.test(text))
    throw new Error('config/manager/deployment.yaml has another image than clusterfirewall:…');
  return text.replace(IMAGE, (_, before: string) => before + image);
}
