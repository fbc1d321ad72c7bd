import { WeirError } from '@weir/errors';
import { type DocumentKind, documentKinds, nearestWord } from '@weir/policy';
import { type Document, isMap, isSeq, type Node, parseAllDocuments } from 'yaml';

const kinds = [...documentKinds, 'Connection'] as const;

/** A file, with its connections apart from its policy. */
export interface SplitFile {
  /** Documents of kind Connection, not checked yet. */
  readonly connections: readonly unknown[];
  readonly policies: number;
  /** The text with connections blanked, so that lines keep their numbers. */
  readonly policyText: string;
}

/** Sorts the documents of a file by kind. @throws WeirError invalid_request for bad syntax and unknown kinds. */
export function splitFile(text: string, file: string): SplitFile {
  const connections: unknown[] = [];
  let policies = 0;
  let policyText = text;
  for (const document of parseAllDocuments(text, { merge: false, logLevel: 'error' })) {
    const [error] = document.errors;
    if (error !== undefined) throw refuse(file, error.message, error);
    const { contents } = document;
    if (contents === null || isEmpty(contents)) continue;
    const items = isSeq(contents) ? contents.items : [contents];
    const found = items.map((item) => kindOf(item, file));
    const own = found.filter((kind) => kind === 'Connection').length;
    policies += found.length - own;
    if (own === 0) continue;
    if (own < found.length) throw refuse(file, 'One list holds connections and policy; write two.');
    const value = plainValueOf(document, file);
    connections.push(...(Array.isArray(value) ? (value as unknown[]) : [value]));
    const [start, , end] = document.range;
    policyText = policyText.slice(0, start) + text.slice(start, end).replace(/[^\r\n]/g, ' ') + policyText.slice(end);
  }
  return { connections, policies, policyText };
}

/** A document of comments alone, or one that says null. */
function isEmpty(node: Node): boolean {
  return 'value' in node && node.value === null;
}

function kindOf(item: unknown, file: string): DocumentKind | 'Connection' {
  const kind: unknown = isMap(item) ? item.get('kind') : undefined;
  const known = kinds.find((candidate) => candidate === kind);
  if (known !== undefined) return known;
  const metadata: unknown = isMap(item) ? item.get('metadata') : undefined;
  const name: unknown = isMap(metadata) ? metadata.get('name') : undefined;
  const nearest = typeof kind === 'string' ? nearestWord(kind, kinds) : undefined;
  const advice = nearest === undefined ? '' : ` Did you mean "${nearest}"?`;
  const which = typeof name === 'string' ? `${name}: ` : '';
  throw refuse(file, `${which}kind must be one of ${kinds.join(', ')}.${advice}`);
}

function plainValueOf(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw refuse(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function refuse(file: string, why: string, cause?: unknown): WeirError {
  return new WeirError('invalid_request', `The file ${file} has errors.`, {
    why,
    fix: 'Correct it; docs/cli.md has an example.',
    ...(cause === undefined ? {} : { cause }),
  });
}
