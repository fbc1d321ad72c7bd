import { type Document, isNode, LineCounter, type Node, type ParsedNode, parseAllDocuments, visit } from 'yaml';

/** Place in a source, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Keys and indexes that lead from a document's root to a value. */
export type ValuePath = readonly (string | number)[];

/** One document of a source before its schema is applied. */
export interface RawDocument {
  readonly value: unknown;
  /** Place of the value at `path`, or of the nearest one above it that exists. */
  positionOf(path: ValuePath): Position;
  /** Place of the key at the end of `path`. */
  keyPositionOf(path: ValuePath): Position;
  /** Place of character `offset` inside the text at `path`; exact for plain and quoted text on one line, else where the text begins. */
  positionInText(path: ValuePath, offset: number): Position;
}

/** A source that could be read, or what is wrong with it. */
export interface RawSource {
  readonly documents: readonly RawDocument[];
  readonly problems: readonly (Position & { readonly message: string })[];
}

/** Largest policy source, characters. */
export const maxSourceLength = 1_048_576;

/**
 * Reads YAML 1.2 (several documents) or JSON (one document or an array of them; YAML 1.2 holds JSON). Duplicate keys are problems; aliases expand at
 * most 100 times; empty documents are left out.
 */
export function readSource(text: string): RawSource {
  if (text.length > maxSourceLength) {
    const message = `The source is longer than ${maxSourceLength} characters.`;
    return { documents: [], problems: [{ line: 1, column: 1, message }] };
  }
  const lineCounter = new LineCounter();
  const place = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const documents: RawDocument[] = [];
  const problems: (Position & { message: string })[] = [];
  for (const document of parseAllDocuments(text, {
    lineCounter,
    prettyErrors: false,
    merge: false,
    logLevel: 'error',
  })) {
    for (const error of [...document.errors, ...document.warnings]) {
      const message = error.code === 'BAD_ALIAS' ? starAdvice : `${error.message.replace(/\.?$/, '')}.`;
      problems.push({ ...place(error.pos[0]), message });
    }
    const stars = unresolvedAliases(document);
    problems.push(...stars.map((offset) => ({ ...place(offset), message: starAdvice })));
    if (document.errors.length > 0 || document.contents === null || stars.length > 0) continue;
    try {
      const value: unknown = document.toJS({ maxAliasCount: 100 });
      const root = document.contents;
      if (value === null) continue;
      if (!Array.isArray(value)) documents.push(rawDocument(value, root, [], place));
      else documents.push(...value.map((item: unknown, index) => rawDocument(item, root, [index], place)));
    } catch (error) {
      problems.push({ ...place(0), message: `The document cannot be read: ${String(error)}.` });
    }
  }
  return { documents, problems };
}

const starAdvice = 'A text that begins with * must be in quotes, because YAML takes it for an alias.';

/** Offsets of aliases without an anchor: mostly globs that were not quoted. */
function unresolvedAliases(document: Document.Parsed): number[] {
  const offsets: number[] = [];
  visit(document, {
    Alias: (_key, node) => {
      if (node.source !== '' && node.resolve(document) === undefined) offsets.push(node.range?.[0] ?? 0);
    },
  });
  return offsets;
}

function rawDocument(
  value: unknown,
  root: ParsedNode,
  prefix: ValuePath,
  place: (offset: number) => Position,
): RawDocument {
  const startOf = (path: ValuePath, wants: 'key' | 'value'): number => offsetAt(root, [...prefix, ...path], wants);
  return {
    value,
    positionOf: (path) => place(startOf(path, 'value')),
    keyPositionOf: (path) => place(startOf(path, 'key')),
    positionInText: (path, offset) => {
      const node = nodeAt(root, [...prefix, ...path]);
      const start = startOf(path, 'value');
      const style = node !== undefined && 'type' in node ? node.type : undefined;
      if (style === 'PLAIN') return place(start + offset);
      if (style === 'QUOTE_SINGLE' || style === 'QUOTE_DOUBLE') return place(start + 1 + offset);
      return place(start);
    },
  };
}

/** Offset of the node (or key) at the end of the path; where the path breaks off, of the last one that exists. */
function offsetAt(root: ParsedNode, path: ValuePath, wants: 'key' | 'value'): number {
  let node: Node | undefined = root;
  let offset = root.range[0];
  for (const [index, step] of path.entries()) {
    const pair = pairAt(node, step);
    const isLast = index === path.length - 1;
    const target = isLast && wants === 'key' && pair.key !== undefined ? pair.key : (pair.value ?? pair.key);
    if (target?.range === undefined || target.range === null) return offset;
    offset = target.range[0];
    node = pair.value;
  }
  return offset;
}

function nodeAt(root: Node, path: ValuePath): Node | undefined {
  let node: Node | undefined = root;
  for (const step of path) node = pairAt(node, step).value;
  return node;
}

function pairAt(node: Node | undefined, step: string | number): { key?: Node; value?: Node } {
  if (node === undefined || !('items' in node) || !Array.isArray(node.items)) return {};
  if (typeof step === 'number') {
    const item: unknown = node.items[step];
    return isNode(item) ? { value: item } : {};
  }
  for (const pair of node.items as readonly unknown[]) {
    if (typeof pair !== 'object' || pair === null || !('key' in pair) || !isNode(pair.key)) continue;
    if (!('value' in pair.key) || String(pair.key.value) !== step) continue;
    return 'value' in pair && isNode(pair.value) ? { key: pair.key, value: pair.value } : { key: pair.key };
  }
  return {};
}
