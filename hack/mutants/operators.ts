/**
 * Small faults that a test should notice, as replacements of text in a file of TypeScript. Pure.
 *
 * A mutant runs, but it need not type-check. Declarations stay, because every test notices a missing name. A
 * condition is replaced with true and with false. It is not negated too, and an `if` is not dropped: both
 * would repeat a mutant.
 */
import ts from 'typescript';
import type { Mutant } from './mutant.ts';

/** The mutants of a file in the order of its text, each once. */
export function mutantsOf(source: string): readonly Mutant[] {
  const file = ts.createSourceFile('mutated.ts', source, ts.ScriptTarget.Latest, true);
  const found = new Map<string, Mutant>();
  const visit = (node: ts.Node): void => {
    if (isErased(node)) return;
    for (const operator of OPERATORS) {
      for (const mutant of operator(node)) found.set(Object.values(mutant).join(' '), mutant);
    }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return [...found.values()].sort((a, b) => a.start - b.start || a.end - b.end);
}

/** False when a replacement broke the syntax: such a mutant proves nothing. */
export const isProgram = (source: string): boolean =>
  ts.transpileModule(source, { reportDiagnostics: true }).diagnostics?.length === 0;

const isErased = (node: ts.Node): boolean =>
  ts.isTypeNode(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isImportDeclaration(node) ||
  ts.isExportDeclaration(node);

const replace = (node: ts.Node, text: string): Mutant => ({ start: node.getStart(), end: node.end, text });

/** Drops each item of a list in turn, with the separator after it or, for the last one, before it. */
function* dropEach(items: readonly ts.Node[], end: number): Generator<Mutant> {
  for (const [index, item] of items.entries()) {
    const [before, after] = [items[index - 1], items[index + 1]];
    if (after !== undefined) yield { start: item.getStart(), end: after.pos, text: '' };
    else if (before !== undefined) yield { start: before.end, end: item.end, text: '' };
    else yield { start: item.getStart(), end, text: '' };
  }
}

function* conditions(node: ts.Node): Generator<Mutant> {
  const condition = conditionOf(node);
  if (condition === undefined) return;
  yield replace(condition, 'false');
  // Only a time limit notices a loop that never ends.
  if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) yield replace(condition, 'true');
}

function conditionOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) return node.expression;
  return ts.isForStatement(node) || ts.isConditionalExpression(node) ? node.condition : undefined;
}

const isCondition = (node: ts.Node): boolean => conditionOf(node.parent) === node;

function* statements(node: ts.Node): Generator<Mutant> {
  const isInList =
    ts.isBlock(node.parent) || ts.isSourceFile(node.parent) || ts.isCaseOrDefaultClause(node.parent);
  const isDroppable =
    ts.isExpressionStatement(node) ||
    ts.isReturnStatement(node) ||
    ts.isThrowStatement(node) ||
    ts.isBreakOrContinueStatement(node) ||
    ts.isForOfStatement(node) ||
    ts.isSwitchStatement(node);
  if (isInList && isDroppable) yield replace(node, ';');
  if (ts.isCaseClause(node)) yield replace(node, '');
}

/** Drops elements, properties and operands. Destructuring patterns stay: their nodes are of other kinds. */
function* lists(node: ts.Node): Generator<Mutant> {
  if (ts.isArrayLiteralExpression(node)) yield* dropEach(node.elements, node.elements.end);
  if (ts.isObjectLiteralExpression(node)) yield* dropEach(node.properties, node.properties.end);
  if (!isChain(node) || (isChain(node.parent) && kindOf(node.parent) === kindOf(node))) return;
  yield* dropEach(operandsOf(node, kindOf(node)), node.end);
}

const CHAINS = [
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
];

const kindOf = (node: ts.BinaryExpression): ts.SyntaxKind => node.operatorToken.kind;

const isChain = (node: ts.Node): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) && CHAINS.includes(kindOf(node));

/** `a && b && c` is read as `(a && b) && c`. */
const operandsOf = (node: ts.Expression, kind: ts.SyntaxKind): readonly ts.Expression[] =>
  ts.isBinaryExpression(node) && kindOf(node) === kind
    ? [...operandsOf(node.left, kind), ...operandsOf(node.right, kind)]
    : [node];

const COMPARISONS: ReadonlyMap<string, readonly [negated: string, shifted?: string]> = new Map([
  ['===', ['!==']],
  ['!==', ['===']],
  ['<', ['>=', '<=']],
  ['<=', ['>', '<']],
  ['>', ['<=', '>=']],
  ['>=', ['<', '>']],
]);

const ARITHMETIC: ReadonlyMap<string, string> = new Map([
  ['+', '-'],
  ['-', '+'],
  ['*', '/'],
  ['/', '*'],
  ['%', '*'],
  ['<<', '>>'],
  ['>>', '<<'],
  ['>>>', '<<'],
  ['&', '|'],
  ['|', '&'],
  ['+=', '-='],
  ['-=', '+='],
  ['??=', '='],
]);

function* operators(node: ts.Node): Generator<Mutant> {
  if (ts.isBinaryExpression(node)) {
    const { operatorToken } = node;
    const operator = operatorToken.getText();
    const [negated, shifted] = COMPARISONS.get(operator) ?? [];
    if (negated !== undefined && !isCondition(node)) yield replace(operatorToken, negated);
    if (shifted !== undefined) yield replace(operatorToken, shifted);
    const other = ARITHMETIC.get(operator);
    if (other !== undefined && !isText(node)) yield replace(operatorToken, other);
  }
  if (ts.isPrefixUnaryExpression(node)) {
    const { operand, operator } = node;
    if (operator === ts.SyntaxKind.ExclamationToken && !isCondition(node))
      yield replace(node, operand.getText());
    if (operator === ts.SyntaxKind.MinusToken) yield replace(node, operand.getText());
  }
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    if (node.operator === ts.SyntaxKind.PlusPlusToken)
      yield replace(node, node.getText().replace('++', '--'));
    if (node.operator === ts.SyntaxKind.MinusMinusToken)
      yield replace(node, node.getText().replace('--', '++'));
  }
}

const isText = (node: ts.Expression): boolean =>
  ts.isStringLiteralLike(node) ||
  ts.isTemplateExpression(node) ||
  (ts.isBinaryExpression(node) && (isText(node.left) || isText(node.right)));

function* literals(node: ts.Node): Generator<Mutant> {
  if (node.kind === ts.SyntaxKind.TrueKeyword) yield replace(node, 'false');
  if (node.kind === ts.SyntaxKind.FalseKeyword) yield replace(node, 'true');
  // Comparators give -1 and 1 for any number of that sign.
  if (ts.isNumericLiteral(node) && !ts.isPrefixUnaryExpression(node.parent))
    yield replace(node, node.text === '1' ? '0' : String(Number(node.text) + 1));
  if (ts.isBigIntLiteral(node)) yield replace(node, `${BigInt(node.text.slice(0, -1)) + 1n}n`);
  if (ts.isRegularExpressionLiteral(node)) {
    if (node.text.startsWith('/^')) yield replace(node, node.text.replace('/^', '/'));
    if (node.text.includes('$/')) yield replace(node, node.text.replace('$/', '/'));
  }
  if (ts.isStringLiteralLike(node) && isName(node)) yield replace(node, `''`);
}

/** Texts for people have spaces. Compared and listed texts have mutants already. */
const isName = (node: ts.StringLiteralLike): boolean =>
  /^\S+$/.test(node.text) &&
  !ts.isArrayLiteralExpression(node.parent) &&
  !ts.isCaseClause(node.parent) &&
  !(ts.isPropertyAssignment(node.parent) && node.parent.name === node) &&
  !(ts.isBinaryExpression(node.parent) && COMPARISONS.has(node.parent.operatorToken.getText()));

const PREDICATE_TAKERS = ['filter', 'some', 'every', 'find', 'findIndex', 'findLast'];

/** Methods that can be left out of a chain. */
const FINISHERS = ['sort', 'toSorted', 'reverse', 'toReversed', 'slice', 'trim'];

const SWAPS: ReadonlyMap<string, string> = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['min', 'max'],
  ['max', 'min'],
  ['startsWith', 'endsWith'],
  ['endsWith', 'startsWith'],
]);

function* calls(node: ts.Node): Generator<Mutant> {
  if (
    (ts.isPropertyAccessChain(node) || ts.isCallChain(node) || ts.isElementAccessChain(node)) &&
    node.questionDotToken
  )
    yield replace(node.questionDotToken, ts.isPropertyAccessChain(node) ? '.' : '');
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
  const { name, expression: receiver } = node.expression;
  const [argument] = node.arguments;
  if (PREDICATE_TAKERS.includes(name.text) && argument !== undefined) {
    yield replace(argument, '() => true');
    yield replace(argument, '() => false');
  }
  if (FINISHERS.includes(name.text)) yield { start: receiver.end, end: node.end, text: '' };
  const other = SWAPS.get(name.text);
  if (other !== undefined) yield replace(name, other);
}

/** The result of an arrow function without a block, unless another operator changes it. */
function* results(node: ts.Node): Generator<Mutant> {
  if (!ts.isArrowFunction(node)) return;
  const { body } = node;
  const isPlain =
    ts.isIdentifier(body) ||
    ts.isPropertyAccessExpression(body) ||
    ts.isElementAccessExpression(body) ||
    ts.isCallOrNewExpression(body) ||
    ts.isAwaitExpression(body) ||
    ts.isTemplateExpression(body);
  if (isPlain) yield replace(body, 'undefined');
}

const OPERATORS: readonly ((node: ts.Node) => Iterable<Mutant>)[] = [
  conditions,
  statements,
  lists,
  operators,
  literals,
  calls,
  results,
];
