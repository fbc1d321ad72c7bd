import { tryPath } from './attribute-path.ts';
import { type Attribute, attributeOf, isObject, type ResourceKind, type ScimDocument } from './attributes.ts';
import { badRequest, type ScimRefusal } from './scim-refusal.ts';

/** A filter (RFC 7644 section 3.4.2.2) as a question to a resource, or to one value of a list. */
export interface Filter {
  matches(value: ScimDocument): boolean;
  /** The one comparison that the whole filter is, when it is one by `eq` with a text. */
  readonly equals?: { readonly name: string; readonly value: string };
}

type Comparable = string | number | boolean | null;
type Compare = (found: Comparable, wanted: Comparable) => boolean;

const textual = (test: (found: string, wanted: string) => boolean): Compare => {
  return (found, wanted) => typeof found === 'string' && typeof wanted === 'string' && test(found, wanted);
};
const operators: Readonly<Record<string, Compare>> = {
  eq: (found, wanted) => found === wanted,
  ne: (found, wanted) => found !== wanted,
  co: textual((found, wanted) => found.includes(wanted)),
  sw: textual((found, wanted) => found.startsWith(wanted)),
  ew: textual((found, wanted) => found.endsWith(wanted)),
  gt: textual((found, wanted) => found > wanted),
  ge: textual((found, wanted) => found >= wanted),
  lt: textual((found, wanted) => found < wanted),
  le: textual((found, wanted) => found <= wanted),
};

const maxLength = 2000;
const maxDepth = 20;

/** Reads a filter. With `list`, names are parts of that attribute's values (`emails[type eq "work"]`). @throws ScimRefusal invalidFilter. */
export function parseFilter(text: string, kind: ResourceKind, list?: Attribute): Filter {
  if (text.length > maxLength) throw invalid(`it is longer than ${maxLength} characters`);
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[()[\]]|[^\s()[\]"]+|"/g) ?? [];
  const state: State = { tokens, at: 0, kind };
  const filter = either(state, list, 0);
  if (state.at < tokens.length) throw invalid(`${tokens[state.at]} is not expected there`);
  return filter;
}

interface State {
  readonly tokens: readonly string[];
  at: number;
  readonly kind: ResourceKind;
}

function either(state: State, list: Attribute | undefined, depth: number): Filter {
  if (depth > maxDepth) throw invalid('it is nested too deeply');
  let left = both(state, list, depth);
  while (word(state) === 'or') {
    state.at += 1;
    const [one, other] = [left, both(state, list, depth)];
    left = { matches: (value) => one.matches(value) || other.matches(value) };
  }
  return left;
}

function both(state: State, list: Attribute | undefined, depth: number): Filter {
  let left = term(state, list, depth);
  while (word(state) === 'and') {
    state.at += 1;
    const [one, other] = [left, term(state, list, depth)];
    left = { matches: (value) => one.matches(value) && other.matches(value) };
  }
  return left;
}

function term(state: State, list: Attribute | undefined, depth: number): Filter {
  if (word(state) === 'not') {
    state.at += 1;
    if (state.tokens[state.at] !== '(') throw invalid('`not` needs brackets');
    const inner = term(state, list, depth);
    return { matches: (value) => !inner.matches(value) };
  }
  if (state.tokens[state.at] !== '(') return comparison(state, list, depth);
  state.at += 1;
  const inner = either(state, list, depth + 1);
  expect(state, ')');
  return { matches: (value) => inner.matches(value) };
}

function comparison(state: State, list: Attribute | undefined, depth: number): Filter {
  const name = take(state);
  const path = list === undefined ? tryPath(name, state.kind) : partPath(list, name);
  if (path === undefined || path === 'ignored') throw invalid(`${name} is no attribute that can be asked for`);
  const { attribute } = path;
  let { part } = path;
  let select: Filter = { matches: () => true };
  if (state.tokens[state.at] === '[') {
    if (attribute.kind !== 'many' || list !== undefined) throw invalid(`${name} is no list`);
    state.at += 1;
    select = either(state, attribute, depth + 1);
    expect(state, ']');
    const next = state.tokens[state.at];
    if (!next?.startsWith('.')) return { matches: (value) => valuesAt(value, attribute).some(select.matches) };
    state.at += 1;
    part = attributeOf(attribute.parts ?? [], next.slice(1));
    if (part === undefined) throw invalid(`${next.slice(1)} is no part of ${name}`);
  }
  const leaf = part ?? (attribute.kind === 'many' ? attributeOf(attribute.parts ?? [], 'value') : attribute);
  if (leaf === undefined || leaf.kind === 'complex') throw invalid(`${name} has parts: name one of them`);
  const isAsked = test(state, leaf);
  const readLeaf = (value: ScimDocument): unknown[] => {
    if (attribute.kind === 'many')
      return valuesAt(value, attribute)
        .filter(select.matches)
        .map((item) => item[leaf.name]);
    const found = value[attribute.name];
    return [leaf === attribute ? found : isObject(found) ? found[leaf.name] : undefined];
  };
  const matches = (value: ScimDocument): boolean => readLeaf(value).some(isAsked.matches);
  const isPlain = leaf === attribute && typeof isAsked.equals === 'string';
  return isPlain ? { matches, equals: { name: attribute.name, value: isAsked.equals ?? '' } } : { matches };
}

/** The operator and what it compares with. */
function test(state: State, leaf: Attribute): { matches: (found: unknown) => boolean; equals?: string } {
  const operator = take(state).toLowerCase();
  if (operator === 'pr') return { matches: (found) => found !== undefined && found !== null && found !== '' };
  const compare = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
  if (compare === undefined) throw invalid(`${operator} is no operator`);
  const wanted = literal(take(state), leaf);
  const fold = (value: Comparable): Comparable =>
    typeof value === 'string' && leaf.isCaseExact !== true ? value.toLowerCase() : value;
  const matches = (found: unknown): boolean => compare(fold((found ?? null) as Comparable), fold(wanted));
  return operator === 'eq' && typeof wanted === 'string' ? { matches, equals: wanted } : { matches };
}

function literal(token: string, leaf: Attribute): Comparable {
  try {
    const value: unknown = JSON.parse(token.startsWith('"') ? token : token.toLowerCase());
    // Some directories write truth values as texts.
    if (leaf.kind === 'boolean' && typeof value === 'string') return value.toLowerCase() === 'true';
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value as Comparable;
  } catch (cause) {
    throw invalid(`${token} is no value (${cause instanceof Error ? cause.message : ''})`);
  }
  throw invalid(`${token} is no value`);
}

function valuesAt(value: ScimDocument, { name }: Attribute): ScimDocument[] {
  const found = value[name];
  return Array.isArray(found) ? found.filter(isObject) : [];
}

function partPath(list: Attribute, name: string): { attribute: Attribute; part?: Attribute } | undefined {
  const attribute = attributeOf(list.parts ?? [], name);
  return attribute === undefined ? undefined : { attribute };
}

function word({ tokens, at }: State): string | undefined {
  return tokens[at]?.toLowerCase();
}

function take(state: State): string {
  const token = state.tokens[state.at];
  if (token === undefined) throw invalid('it ends too early');
  state.at += 1;
  return token;
}

function expect(state: State, token: string): void {
  if (take(state) !== token) throw invalid(`${token} is missing`);
}

function invalid(why: string): ScimRefusal {
  return badRequest('invalidFilter', `The filter is not understood: ${why}.`);
}
