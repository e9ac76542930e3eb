/** Changes of manifests/node-changes.yaml, as text. The rules that the flows need stay in all of them. */

export interface Change {
  readonly what: string;
  readonly of: (manifest: string) => string;
}

const zoneOf = (name: string, source: string, ports: string): string => `      - name: ${name}
        from: [${source}]
        allow: { ${ports} }
`;
export const MORE = zoneOf('more', '{ peer: office }', 'services: [node-exporter]');
const DATAGRAMS = zoneOf('datagrams', '{ peer: ops }', 'ports: [9998/UDP]');
const WEB_BY_PORT =
  zoneOf('front', '{ entity: World }', 'services: [http]') +
  zoneOf('tls', '{ entity: World }', 'services: [https]');
const SWAPPED: Readonly<Record<string, string>> = { front: 'ops', ops: 'front' };
const zone = (name: string): RegExp => new RegExp(` {6}- name: ${name}\n {8}from.*\n {8}allow.*\n`);

/** One after the other. Each changes the manifest that the one before it left. */
export const ZONE_CHANGES: readonly Change[] = [
  { what: 'a zone is added', of: (text) => text + MORE },
  { what: 'a zone is renamed', of: (text) => text.replace('name: public', 'name: front') },
  { what: 'a zone is split by port', of: (text) => text.replace(zone('front'), WEB_BY_PORT) },
  {
    what: 'two zones swap their names',
    of: (text) =>
      text.replace(/(?<= {6}- name: )(front|ops)(?=\n {8}from)/g, (name) => SWAPPED[name] ?? name),
  },
  {
    what: 'a zone loses ports to a new one',
    of: (text) => text.replace('[9990-9999, 9998/UDP]', '[9990-9999]') + DATAGRAMS,
  },
  {
    what: 'more is blocked',
    of: (text) => text.replace('    zones:', '      - ipBlock: { cidr: 198.18.0.0/15 }\n    zones:'),
  },
  {
    what: 'addresses of nodes are added',
    of: (text) =>
      text.replace('    blocked:', "    extraAddresses: [172.31.0.12/31, 'fd00:99::100/127']\n    blocked:"),
  },
  { what: 'a zone is removed', of: (text) => text.replace(zone('more'), '') },
];

const CANARY = "Enforce\n    nodeSelector: { matchLabels: { edge: 'true' } }";

export const inMode =
  (mode: 'Enforce' | 'Observe' | 'Disabled' | typeof CANARY) =>
  (manifest: string): string =>
    manifest.replace(/nodes:\n {4}mode: \w+/, `nodes:\n    mode: ${mode}`);
export const onOneNode = inMode(CANARY);

export const withFailsafes =
  (failsafes: 'Report' | 'Managed') =>
  (manifest: string): string =>
    manifest.replace('    breakGlass:', `    failsafes: ${failsafes}\n    breakGlass:`);
