// What the oldest browsers that get the app can read. Newer syntax is an error of the whole file there, so a bundler's
// target that is forgotten, or a regular expression that it does not lower, would leave a blank page.
import { parseAst } from 'vite';

/** Syntax that Chrome 80, Firefox 75 or Safari 13.1 does not know, by the kind of its node. */
const NEWER = {
  PropertyDefinition: () => 'a class field',
  PrivateIdentifier: () => 'a private name',
  StaticBlock: () => 'a static block',
  AccessorProperty: () => 'an accessor field',
  ImportAttribute: () => 'an import attribute',
  AssignmentExpression: (node) => /^(\|\||&&|\?\?)=$/.test(node.operator) && `the operator ${node.operator}`,
  ExportAllDeclaration: (node) => node.exported && 'export * as',
  Literal: (node) => {
    if (node.bigint !== undefined && node.bigint !== null) return 'a big integer';
    if (typeof node.value === 'number' && /_/.test(node.raw ?? '')) return 'a separator in a number';
    if (!node.regex) return false;
    const { pattern, flags } = node.regex;
    if (/[dsv]/.test(flags)) return `a regular expression's flag (${flags})`;
    if (/\(\?<[=!]/.test(pattern)) return 'looking behind in a regular expression';
    if (/\(\?</.test(pattern)) return 'a named group in a regular expression';
    if (flags.includes('u') && /\\p\{/i.test(pattern)) return 'a class of characters in a regular expression';
    return false;
  },
};

/** What a script must not hold that is there to tell browsers from before 2015 that they are too old. */
const NEWER_THAN_2009 = Object.fromEntries(
  [
    'ArrowFunctionExpression',
    'AwaitExpression',
    'ChainExpression',
    'ClassDeclaration',
    'ClassExpression',
    'ForOfStatement',
    'ImportExpression',
    'ObjectPattern',
    'ArrayPattern',
    'SpreadElement',
    'RestElement',
    'TemplateLiteral',
  ].map((type) => [type, () => type]),
);
NEWER_THAN_2009.VariableDeclaration = (node) => node.kind !== 'var' && node.kind;
NEWER_THAN_2009.Property = (node) =>
  (node.shorthand || node.method || node.computed) && 'a new kind of property';

/** Calls `visit` with every node of a tree. */
export function walk(node, visit) {
  if (Array.isArray(node)) {
    for (const each of node) walk(each, visit);
  } else if (node && typeof node === 'object' && typeof node.type === 'string') {
    visit(node);
    for (const key in node) if (key !== 'loc' && key !== 'range') walk(node[key], visit);
  }
}

export function tree(code) {
  return parseAst(code);
}

/** The first few places of a tree that an old browser cannot read. */
export function tooNew(ast, code, { ancient = false } = {}) {
  const rules = ancient ? NEWER_THAN_2009 : NEWER;
  const found = [];
  walk(ast, (node) => {
    const what = rules[node.type]?.(node);
    if (what && found.length < 5)
      found.push(`${what}: ${code.slice(node.start, node.start + 60).replace(/\s+/g, ' ')}`);
  });
  return found;
}
