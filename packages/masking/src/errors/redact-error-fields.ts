import { collapseBlanks, occursAsToken } from './client-echo.ts';
import { hasDocumentInDetail, isUsualState, isWordedByServer } from './message-origin.ts';
import { type Disclosure, redactedMark, redactServerText } from './redact-text.ts';

/** Fields of an ErrorResponse or NoticeResponse by their one-letter codes (protocol documentation, "Error and Notice Message Fields"). */
export type ErrorFields = Readonly<Record<string, string>>;

export interface ErrorRedaction {
  /** Both are judged by the same rules: what worded a text counts, not how severe it is. */
  readonly kind: 'error' | 'notice';
  readonly fields: ErrorFields;
  /** The statement that the client sent, or null when the message belongs to none. */
  readonly clientText: string | null;
  /** True when the name is one of a schema, relation, column, constraint, type or function of the target's catalog. */
  readonly knownNames: (name: string) => boolean;
  /** False when the plan of this session has no masks: nothing is changed then. */
  readonly protected: boolean;
}

/** Stands for a text that a user's own RAISE, another language or another server has worded. */
export const redactedUserText = '*** (text hidden: it may hold protected values)';

/** Fields that are never values: severity, position, source file, line and routine of the server. */
const harmless = new Set(['S', 'V', 'P', 'p', 'F', 'L', 'R']);
/** Names of schema, table, column, data type and constraint. */
const objectNames = ['s', 't', 'c', 'd', 'n'] as const;
const texts = new Set(['M', 'D', 'H', 'W']);

/** Longest text (UTF-16 units) that is judged piece by piece; a longer one is hidden whole, so that no message costs much time. */
const maxTextLength = 8192;

/** Pieces of one message that are looked for in vain in the client's statement (up to 1 MB) before the rest counts as not found. */
const maxMisses = 64;

/**
 * Takes the values out of an error or notice and leaves what a person needs to understand it: SQLSTATE, severity, position, object names, and
 * the server's own words. See redactServerText for what stays of a text.
 *
 * A quoted piece of the client's own statement stays when the server points into that statement (P), as it does for everything found before
 * execution. Without P the piece must have three characters and the error must not be a data exception or integrity violation
 * (classes 22 and 23): otherwise `substr(ssn, 1, 1)::uuid` beside a list of all letters would spell out the value.
 * @returns new fields, or the same object when nothing is protected. Unknown fields are redacted.
 */
export function redactErrorFields(request: ErrorRedaction): ErrorFields {
  const { fields } = request;
  if (!request.protected) return fields;
  const isServers = isWordedByServer(fields);
  const disclosure = createDisclosure(request, isServers);
  const out: Record<string, string> = {};
  for (const [code, value] of Object.entries(fields)) {
    out[code] = redactField(code, value, request, isServers, disclosure);
  }
  return out;
}

function redactField(
  code: string,
  value: string,
  { fields, clientText, knownNames }: ErrorRedaction,
  isServers: boolean,
  disclosure: Disclosure,
): string {
  if (harmless.has(code)) return value;
  if (code === 'C') {
    return isServers || isUsualState(value) || isWithin(clientText, value) ? value : 'P0001';
  }
  if ((objectNames as readonly string[]).includes(code)) {
    return isServers || knownNames(value) ? value : redactedMark;
  }
  if (code === 'q') return isWithin(clientText, value) ? value : redactedMark;
  if (!texts.has(code)) return redactedMark;
  if (value.length > maxTextLength || (code === 'D' && hasDocumentInDetail(fields))) return redactedUserText;
  if (isServers) return redactServerText(value, disclosure);
  // The stack below a RAISE is the server's; what the client has written itself may be said to it.
  if (code === 'W') return redactServerText(value, disclosure);
  return isWithin(clientText, value) ? value : redactedUserText;
}

/**
 * True when the whole text stands in the client's statement. Word by word would not do: a statement that lists the alphabet could have a
 * RAISE spell any value with it.
 */
function isWithin(clientText: string | null, value: string): boolean {
  return clientText !== null && occursAsToken(collapseBlanks(clientText), collapseBlanks(value));
}

/** Classes whose messages speak of values at run time. */
const valueClasses = new Set(['22', '23', 'P0']);

/** Classes whose messages count what the server has: processes and transactions of a deadlock, and what a transaction's end refuses. */
const countingClasses = new Set(['40']);

/** Where names of the statement at hand are resolved; with a context (W) it may be the statement of a function. */
const parserFiles = /^parse_(relation|clause|target|expr|func|agg)\.c$/;

function createDisclosure(request: ErrorRedaction, isServers: boolean): Disclosure {
  const { fields, clientText, knownNames } = request;
  const isParsers = parserFiles.test(fields['F'] ?? '') && fields['W'] === undefined;
  const isPointed = (fields['P'] !== undefined || isParsers) && fields['q'] === undefined && fields['p'] === undefined;
  const speaksOfValues = valueClasses.has((fields['C'] ?? '00').slice(0, 2));
  const shortest = isPointed ? 1 : 3;
  const canEcho = isServers && clientText !== null && (isPointed || !speaksOfValues);
  const own = new Set(isServers ? objectNames.map((code) => fields[code]).filter((name) => name !== undefined) : []);
  let misses = 0;
  const isOneName = (name: string): boolean => own.has(name) || knownNames(name);
  return {
    isClients(piece) {
      if (!canEcho || piece.length < shortest || misses >= maxMisses) return false;
      const isFound = occursAsToken(clientText, piece);
      if (!isFound) misses += 1;
      return isFound;
    },
    isName: (piece) =>
      piece !== '' && (isOneName(piece) || piece.split('.').every((part) => part !== '' && isOneName(part))),
    areCountsHarmless: isPointed || countingClasses.has((fields['C'] ?? '').slice(0, 2)),
  };
}
