/**
 * ESLint rules for plain English in Markdown and in comments. They find four faults: a sentence whose subject
 * is a clause, a long sentence, a word that few readers know in its meaning here, and a paragraph in a table
 * cell. A reviewer finds the rest.
 */
import type { MarkdownRuleDefinition } from '@eslint/markdown';
import type { Rule } from 'eslint';

interface Fault {
  /** Offset in the text at which the sentence or word begins. */
  readonly offset: number;
  readonly message: string;
}

const MAX_WORDS = 35;
const MAX_CELL = 110;

/** A comma or colon after "As" or "By" ends an introduction ("By default, …"), and the subject follows it. */
const CLAUSE_FIRST = /^(?:(?:What|Of)\b|(?:As|By)\b(?!.*[,:]))/;
const FIRST_WORD = /^\w+/;

const WORDS: readonly (readonly [word: RegExp, instead: string])[] = [
  [/\b(?:is|are|be) told\b/gi, '"is reported", "is logged" or "learns"'],
  [/\bmend(?:s|ed|ing)?\b/gi, '"fix", "repair" or "resolve"'],
  [/\bbeside\b/gi, '"next to" or "in addition to"'],
  [/\bsomebody\b/gi, '"someone" or "another client"'],
];

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** @param text without markup; code in it is a run of `X` */
function faultsOf(text: string): readonly Fault[] {
  return [...[...segmenter.segment(text)].flatMap(faultsOfSentence), ...WORDS.flatMap(faultsOfWord(text))];
}

function faultsOfSentence({ segment, index }: Intl.SegmentData): readonly Fault[] {
  const sentence = segment.trim();
  const offset = index + segment.indexOf(sentence);
  const words = sentence.match(/[\p{L}\p{N}]\S*/gu)?.length ?? 0;
  const first = FIRST_WORD.exec(sentence)?.[0] ?? '';
  return [
    ...(CLAUSE_FIRST.test(sentence) && !sentence.endsWith('?')
      ? [{ offset, message: `A sentence begins with "${first}": put the subject first and the verb second.` }]
      : []),
    ...(words > MAX_WORDS
      ? [{ offset, message: `A sentence has ${words} words, more than ${MAX_WORDS}: say one thing in each.` }]
      : []),
  ];
}

const faultsOfWord =
  (text: string) =>
  ([word, instead]: (typeof WORDS)[number]): readonly Fault[] =>
    [...text.matchAll(word)].map(({ 0: found, index }) => ({
      offset: index,
      message: `"${found}": write ${instead}.`,
    }));

export const proseOfMarkdown: MarkdownRuleDefinition = {
  meta: { type: 'suggestion' },
  create(context) {
    const { sourceCode } = context;
    const check = (node: MarkdownNode): string => {
      const text = visible(node, sourceCode.text).replaceAll(/\s/g, ' ');
      for (const { offset, message } of faultsOf(text)) {
        const start = sourceCode.getLocFromIndex(startOf(node) + offset);
        context.report({ loc: { start, end: start }, message });
      }
      return text.replaceAll(/ +/g, ' ').trim();
    };
    return {
      paragraph: (node) => void check(node),
      tableCell: (node) => {
        const { length } = check(node);
        if (length <= MAX_CELL) return;
        const message = `A table cell has ${length} characters, more than ${MAX_CELL}: make a list or a section of it.`;
        context.report({ node, message });
      },
    };
  },
};

interface Point {
  readonly offset?: number | undefined;
}

interface MarkdownNode {
  readonly type: string;
  readonly position?: { readonly start: Point; readonly end: Point } | undefined;
  readonly children?: readonly MarkdownNode[];
}

const startOf = ({ position }: MarkdownNode): number => position?.start.offset ?? 0;
const endOf = ({ position }: MarkdownNode): number => position?.end.offset ?? 0;

/** The text that a reader sees, as long as its source: blanks stand for markup and `X` for code. */
function visible(node: MarkdownNode, source: string): string {
  const start = startOf(node);
  const end = endOf(node);
  if (node.type === 'text') return source.slice(start, end);
  if (node.type === 'inlineCode') return 'X'.repeat(end - start);
  let text = '';
  for (const child of node.children ?? [])
    text = text.padEnd(startOf(child) - start) + visible(child, source);
  return text.padEnd(end - start);
}

export const proseOfComments: Rule.RuleModule = {
  meta: { type: 'suggestion', schema: [], messages: { prose: '{{message}}' } },
  create(context) {
    const { sourceCode } = context;
    return {
      Program: () => {
        for (const [start, end] of commentsOf(sourceCode)) {
          for (const { offset, message } of faultsOf(withoutStars(sourceCode.text.slice(start, end)))) {
            const loc = sourceCode.getLocFromIndex(start + offset);
            context.report({ loc, messageId: 'prose', data: { message } });
          }
        }
      },
    };
  },
};

/** The words alone, because a text in code may be a part of a sentence. */
export const wordsOfMessages: Rule.RuleModule = {
  meta: { type: 'suggestion', schema: [], messages: { prose: '{{message}}' } },
  create(context) {
    if (/\.test\.ts$|\/testing\//.test(context.filename)) return {};
    const check = (node: Rule.Node, text: unknown): void => {
      if (typeof text !== 'string') return;
      for (const word of WORDS)
        for (const { message } of faultsOfWord(text)(word))
          context.report({ node, messageId: 'prose', data: { message } });
    };
    return {
      Literal: (node) => {
        check(node, node.value);
      },
      TemplateElement: (node) => {
        check(node, node.value.cooked);
      },
    };
  },
};

/** Offsets of each comment; adjacent lines of `//` are one comment. */
function commentsOf(sourceCode: Rule.RuleContext['sourceCode']): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const { range, type } of sourceCode.getAllComments()) {
    if (range === undefined) continue;
    const last = found.at(-1);
    const follows = type === 'Line' && /^\n *$/.test(sourceCode.text.slice(last?.[1], range[0]));
    if (last !== undefined && follows) last[1] = range[1];
    else found.push([...range]);
  }
  return found;
}

const blank = (found: string): string => ' '.repeat(found.length);

/**
 * The text of a comment, as long as its source. A line break ends a sentence, so it stays only before an
 * empty line, an item or a tag.
 */
function withoutStars(comment: string): string {
  return comment
    .replaceAll(/^ *(?:\/\*\*?|\*(?!\/)|\/\/)|\*\/$/gm, blank)
    .replaceAll(/@param +\S+/g, blank)
    .replaceAll(/`[^`\n]*`/g, (code) => 'X'.repeat(code.length))
    .replaceAll(/\n(?! *(?:\n|- |@))/g, ' ')
    .replaceAll(/^ *- /gm, blank);
}
