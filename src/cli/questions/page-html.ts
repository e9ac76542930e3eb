/**
 * One HTML page that needs nothing else. Its script and style are allowed by their hashes, and nothing that a
 * cluster names stands in its markup: all data are compressed, and the script makes text of them.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { HTML, SCRIPT, STYLE } from '../../page/bundled.ts';
import { DATA_ID, type PageData } from '../../page/data.ts';
import { packed } from '../../page/differences.ts';

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(SCRIPT)}`,
  `style-src ${hashOf(STYLE)}`,
  "base-uri 'none'",
  "form-action 'none'",
  // No text may become markup, not even by a mistake of the script.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

export function pageOf(data: PageData): string {
  const compressed = deflateRawSync(JSON.stringify(packed(data)), { level: 9 }).toString('base64');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Who reaches whom</title>
<style>${STYLE}</style>
</head>
<body>
${HTML}<script type="text/plain" id="${DATA_ID}">${compressed}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
