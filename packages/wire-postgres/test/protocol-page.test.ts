import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type CellMask,
  createPostgresEngine,
  encodeAuthenticationOk,
  encodeBackendKeyData,
  encodeBind,
  encodeClose,
  encodeCommandComplete,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeErrorResponse,
  encodeExecute,
  encodeFlush,
  encodeNegotiateProtocolVersion,
  encodeNoticeResponse,
  encodeNotificationResponse,
  encodeParameterStatus,
  encodeParse,
  encodeQuery,
  encodeReadyForQuery,
  encodeSync,
  encodeTerminate,
  errorFields,
} from '../src/index.ts';
import { createAllowAllHost } from './allow-all-host.ts';
import {
  bindComplete,
  closeComplete,
  copyDone,
  copyResponse,
  dataRow,
  emptyQuery,
  noData,
  parameterDescription,
  parseComplete,
  portalSuspended,
  rawMessage,
  rowDescription,
} from './backend-messages.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/protocols/postgres.md'), 'utf8');

/** Type letter to what the page says is done with it. Messages without a letter belong to the start-up. */
function tableUnder(heading: string): Map<string, string> {
  const section = page.slice(page.indexOf(`## ${heading}`) + 3);
  const rows = section.slice(0, section.indexOf('\n## ')).matchAll(/^\|[^|]+\| `(.)` \| ([^|]+) \|/gm);
  const table = new Map<string, string>();
  for (const [, letter, what] of rows) {
    const known = table.get(letter as string);
    expect([letter, known ?? what]).toEqual([letter, what]);
    table.set(letter as string, what as string);
  }
  return table;
}
const everyLetter = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
const anything = (letter: string) => rawMessage(letter, Buffer.alloc(0));

/** What comes before a message of the client, and the message. */
const fromClient: Record<string, { client?: Buffer[]; server?: Buffer[]; message: Buffer }> = {
  Q: { message: encodeQuery('SELECT 1') },
  P: { message: encodeParse('s', 'SELECT 1') },
  B: { client: [encodeParse('s', 'SELECT 1')], message: encodeBind('', 's') },
  D: { client: [encodeParse('s', 'SELECT 1')], message: encodeDescribe('S', 's') },
  E: { client: [encodeParse('s', 'SELECT 1'), encodeBind('', 's')], message: encodeExecute('') },
  C: { message: encodeClose('S', 's') },
  H: { message: encodeFlush() },
  S: { message: encodeSync() },
  F: { message: rawMessage('F', Buffer.from([0, 0, 5, 0, 0, 0, 0, 0, 0, 0])) },
  d: { client: [encodeQuery('COPY')], server: [copyResponse('G', 0, 1)], message: encodeCopyData(Buffer.from('1\n')) },
  c: { client: [encodeQuery('COPY')], server: [copyResponse('G', 0, 1)], message: encodeCopyDone() },
  f: { client: [encodeQuery('COPY')], server: [copyResponse('G', 0, 1)], message: encodeCopyFail('no') },
  X: { message: encodeTerminate() },
};

function fateFromClient(letter: string): string {
  const { client = [], server = [], message } = fromClient[letter] ?? { message: anything(letter) };
  const { host, log } = createAllowAllHost();
  const engine = createPostgresEngine(host);
  for (const bytes of client) engine.fromClient(bytes);
  for (const bytes of server) engine.fromServer(bytes);
  const judged = log.judged.length;
  log.toServer.length = 0;
  log.toClient.length = 0;
  engine.fromClient(message);
  if (log.ended.some((error) => error !== null)) return 'ends the connection';
  const isSent = Buffer.concat(log.toServer).includes(message);
  if (log.judged.length > judged) return isSent ? 'judged' : 'judged and not sent';
  if (isSent) return 'relayed';
  return Buffer.concat(log.toClient)[0] === 0x45 ? 'denied' : 'nothing';
}

const extended = [
  encodeParse('', 'SELECT'),
  encodeDescribe('S', ''),
  encodeBind('', ''),
  encodeExecute('', 1),
  encodeClose('P', ''),
];
const query = [encodeQuery('SELECT')];
const described = [parseComplete, parameterDescription(25), rowDescription('a'), bindComplete];
const fields = errorFields('22000', 'a value');
/** What comes before a message of the target, and the message. */
const fromServer: Record<string, { client: Buffer[]; server?: Buffer[]; message: Buffer }> = {
  R: { client: query, message: encodeAuthenticationOk() },
  K: { client: query, message: encodeBackendKeyData(1, Buffer.alloc(4)) },
  v: { client: query, message: encodeNegotiateProtocolVersion(0, []) },
  T: { client: query, message: rowDescription('a') },
  t: { client: extended, server: [parseComplete], message: parameterDescription(25) },
  n: { client: extended, server: [parseComplete, parameterDescription()], message: noData },
  1: { client: extended, message: parseComplete },
  2: { client: extended, server: described.slice(0, 3), message: bindComplete },
  3: { client: extended, server: [...described, encodeCommandComplete('SELECT 0')], message: closeComplete },
  s: { client: extended, server: described, message: portalSuspended },
  D: { client: query, server: [rowDescription('a')], message: dataRow('secret') },
  C: { client: query, message: encodeCommandComplete('SET') },
  I: { client: query, message: emptyQuery },
  Z: { client: query, server: [encodeCommandComplete('SET')], message: encodeReadyForQuery('I') },
  E: { client: query, message: encodeErrorResponse(fields) },
  N: { client: query, message: encodeNoticeResponse(fields) },
  A: { client: [], message: encodeNotificationResponse(1, 'channel', 'secret') },
  S: { client: [], message: encodeParameterStatus('TimeZone', 'UTC') },
  G: { client: query, message: copyResponse('G', 0, 1) },
  H: { client: query, message: copyResponse('H', 0, 1) },
  d: { client: query, server: [copyResponse('H', 0, 1)], message: encodeCopyData(Buffer.from('secret\n')) },
  c: { client: query, server: [copyResponse('H', 0, 1)], message: copyDone },
  W: { client: query, message: rawMessage('W', Buffer.from([0, 0, 0])) },
  V: { client: query, message: rawMessage('V', Buffer.from([0xff, 0xff, 0xff, 0xff])) },
};
const stars: CellMask = {
  maxLength: () => 3,
  write: (_source, _start, _end, target, offset) => target.write('***', offset),
};

function fateFromServer(letter: string): string {
  const { client, server = [], message } = fromServer[letter] ?? { client: query, message: anything(letter) };
  const { host, log } = createAllowAllHost({
    describe: () => [stars],
    copyOut: () => ({ masks: [stars], csv: null }),
    redact: (_ticket, _kind, given) => ({ ...given, M: '***' }),
    notification: () => '***',
  });
  const engine = createPostgresEngine(host);
  for (const bytes of client) engine.fromClient(bytes);
  for (const bytes of server) engine.fromServer(bytes);
  log.toClient.length = 0;
  engine.fromServer(message);
  if (log.ended.some((error) => error !== null)) return 'ends the connection';
  const sent = Buffer.concat(log.toClient);
  if (sent.equals(message)) return 'relayed';
  if (sent[0] !== message[0] || sent.includes('secret') || sent.includes('a value')) return 'something else';
  return 'Dd'.includes(letter) ? 'masked' : 'redacted';
}

describe('docs/protocols/postgres.md', () => {
  it.each([
    ['From the client', fromClient, fateFromClient],
    ['From the target', fromServer, fateFromServer],
  ] as const)('%s: each type has a row, and the row says what is done', (heading, scenarios, fateOf) => {
    const table = tableUnder(heading);
    expect(Object.keys(scenarios).filter((letter) => !table.has(letter))).toEqual([]);
    const said = everyLetter.map((letter) => [letter, table.get(letter) ?? 'ends the connection']);
    expect(everyLetter.map((letter) => [letter, fateOf(letter)])).toEqual(said);
  });

  it('names each message of protocol 3.2', () => {
    const names =
      'StartupMessage SSLRequest GSSENCRequest CancelRequest PasswordMessage SASLInitialResponse SASLResponse GSSResponse Query Parse Bind Describe Execute Close Flush Sync FunctionCall CopyData CopyDone CopyFail Terminate AuthenticationOk AuthenticationKerberosV5 BackendKeyData NegotiateProtocolVersion RowDescription ParameterDescription NoData ParseComplete BindComplete CloseComplete PortalSuspended DataRow CommandComplete EmptyQueryResponse ReadyForQuery ErrorResponse NoticeResponse NotificationResponse ParameterStatus CopyInResponse CopyOutResponse CopyBothResponse FunctionCallResponse …CleartextPassword …MD5Password …SASL …SASLContinue …SASLFinal …GSS …GSSContinue …SSPI';
    expect(names.split(' ').filter((name) => !new RegExp(`[| ]${name}[ ,]`).test(page))).toEqual([]);
  });
});
