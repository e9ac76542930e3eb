import js from '@eslint/js';
import markdown from '@eslint/markdown';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { layersRule } from './hack/layers.ts';
import { proseOfComments, proseOfMarkdown, wordsOfMessages } from './hack/prose.ts';

const local = {
  rules: {
    layers: layersRule,
    prose: proseOfMarkdown,
    'prose-of-comments': proseOfComments,
    'words-of-messages': wordsOfMessages,
  },
};

/** Files whose comments are held to plain English. */
const PLAIN_COMMENTS = ['hack/**/*.ts', 'src/**/*.ts', 'e2e/**/*.ts'];

const TESTS = ['**/*.test.ts', '**/*.suite.ts', 'src/**/testing/*.ts'];

export default defineConfig(
  { ignores: ['node_modules/', 'dist/', 'coverage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { files: ['**/*.{js,ts}'], extends: [js.configs.recommended] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: 'error',
      'no-restricted-exports': [
        'error',
        { restrictDefaultExports: { direct: true, named: true, defaultFrom: true, namedFrom: true } },
      ],
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { local },
    // No rule is switched off from within the product's source.
    linterOptions: { noInlineConfig: true },
    rules: { 'local/layers': 'error', 'local/words-of-messages': 'error', 'no-console': 'error' },
  },
  {
    files: TESTS,
    rules: {
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'MemberExpression[object.name=/^(test|it|describe)$/][property.name=/^(skip|only|todo|failing)$/]',
          message: 'A test runs, or it is deleted.',
        },
        {
          selector: 'CallExpression[callee.name=/^[xf](it|test|describe)$/]',
          message: 'A test runs, or it is deleted.',
        },
      ],
    },
  },
  {
    files: PLAIN_COMMENTS,
    plugins: { local },
    rules: { 'local/prose-of-comments': 'error' },
  },
  {
    files: ['**/*.md'],
    extends: [markdown.configs.recommended],
    plugins: { local },
    language: 'markdown/gfm',
    rules: { 'local/prose': 'error' },
  },
);
