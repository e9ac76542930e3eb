import { describe, expect, test } from '@jest/globals';
import markdown from '@eslint/markdown';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { proseOfComments, proseOfMarkdown, wordsOfMessages } from './prose.ts';

const local = { rules: { prose: proseOfMarkdown, comments: proseOfComments, messages: wordsOfMessages } };

const report = (config: Linter.Config, text: string, file: string): readonly string[] =>
  new Linter()
    .verify(text, { files: ['**'], ...config }, file)
    .map(({ line, column, message }) => `${String(line)}:${String(column)} ${message}`);

const inMarkdown = (text: string): readonly string[] =>
  report(
    { plugins: { markdown, local }, language: 'markdown/gfm', rules: { 'local/prose': 'error' } },
    text,
    'x.md',
  );

const inSource = (text: string, rule = 'comments', file = 'x.ts'): readonly string[] =>
  report(
    {
      plugins: { local },
      languageOptions: { parser: tseslint.parser },
      rules: { [`local/${rule}`]: 'error' },
    },
    text,
    file,
  );

const LONG = `${'word '.repeat(36).trim()}.`;
const WIDE = 'a cell '.repeat(16).trim();

describe('Markdown is refused', () => {
  test.each([
    ['with What as the subject', 'What is closed stays closed.', 'begins with "What"'],
    ['with Of as the subject', 'Of Nodes it patches one label.', 'begins with "Of"'],
    ['with As as the subject', 'As many come as go.', 'begins with "As"'],
    ['with By as the subject', 'By hand a rule is one line.', 'begins with "By"'],
    ['inside a list', '- Fine.\n- What is closed stays closed.', '2:3'],
    ['inside emphasis', '**What is closed** stays closed.', 'begins with "What"'],
    ['after a sentence that ends with code', 'See `x`. What is closed stays closed.', '1:10'],
    ['in a cell', '| a |\n| - |\n| What is closed stays closed. |', '3:3'],
    ['with a long sentence', LONG, '36 words'],
    ['with a paragraph in a cell', `| a |\n| - |\n| ${WIDE} |`, '111 characters'],
    ['with a word from the list', 'It is told.', '"is told": write'],
  ])('%s', (_name, text, message) => {
    expect(inMarkdown(text)).toEqual([expect.stringContaining(message)]);
  });
});

test.each([
  ['a question', 'What is a zone?'],
  ['an introduction', 'By default, nothing passes. As in Kubernetes, `{}` selects everything.'],
  ['a heading', '# What it is'],
  ['code', '`What is told`\n\n```\nWhat is told.\n```'],
  ['sentences on one line', 'It waits 90 s. It then goes on.\n\n'.repeat(10)],
  ['a link with a long address', `[short](${'x'.repeat(200)})`],
])('Markdown may have %s', (_name, text) => {
  expect(inMarkdown(text)).toEqual([]);
});

describe('a comment is refused', () => {
  test.each([
    ['with a clause as the subject', '/** What is closed stays closed. */\nlet a;', '1:5'],
    ['in its second line', '/**\n * Fine.\n * What is closed stays closed.\n */\nlet a;', '3:4'],
    ['in an item', '/**\n * Fine\n * - What is closed stays closed.\n */\nlet a;', '3:6'],
    [
      'with a long sentence over several lines',
      `// ${LONG.replaceAll(/(word ){9}/g, '$&\n// ')}`,
      '36 words',
    ],
  ])('%s', (_name, text, message) => {
    expect(inSource(text)).toEqual([expect.stringContaining(message)]);
  });
});

test.each([
  ['code', '/** The rule `What is told`. */'],
  ['a clause in a sentence', '// It says\n// what is closed.'],
  ['separate comments', `// ${LONG.slice(0, 100)}\nlet a;\n// ${LONG.slice(0, 100)}`],
])('a comment may have %s', (_name, text) => {
  expect(inSource(text)).toEqual([]);
});

test('a message is refused for a word that few readers know, in a text or a template', () => {
  const code = "report('somebody did'); report(`${who} is told of it`);";
  expect(inSource(code, 'messages')).toEqual([
    expect.stringContaining('"somebody"'),
    expect.stringContaining('"is told"'),
  ]);
  expect(inSource(code, 'messages', 'x.test.ts')).toEqual([]);
});
