/** The software bill of materials of the image, in CycloneDX 1.5: what is really in it. */
import type { BundledPackage } from './bundle.ts';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** @param architecture Debian's name, `amd64` or `arm64` */
export function sbom(parts: {
  readonly version: string;
  readonly nodeVersion: string;
  readonly npm: readonly BundledPackage[];
  readonly debian: readonly DebianPackage[];
}): string {
  const { version, nodeVersion, npm, debian } = parts;
  const components = [
    component('application', 'node', nodeVersion, `pkg:generic/node@${nodeVersion}`),
    ...npm.map((each) =>
      component(
        'library',
        each.name,
        each.version,
        npmUrl(each),
        each.license === undefined ? {} : licensed(each.license),
      ),
    ),
    ...debian.map((each) =>
      component(
        'library',
        each.name,
        each.version,
        `pkg:deb/debian/${each.name}@${encodeURIComponent(each.version)}?arch=${each.architecture}`,
      ),
    ),
  ];
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: component(
        'application',
        'clusterfirewall',
        version,
        `pkg:generic/clusterfirewall@${version}`,
        licensed('Apache-2.0'),
      ),
    },
    components,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

const component = (type: string, name: string, version: string, purl: string, more: object = {}) => ({
  type,
  'bom-ref': purl,
  name,
  version,
  purl,
  ...more,
});

const licensed = (expression: string) => ({ licenses: [{ expression }] });

const npmUrl = ({ name, version }: BundledPackage): string =>
  `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;
