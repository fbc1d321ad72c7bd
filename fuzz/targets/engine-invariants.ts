import { must } from '../core/target.ts';
import type { EngineRun } from './engine-run.ts';
import { encodeFrame, type Frame, framesOf, textAt } from './frames.ts';

/** Texts that the engine sends on its own account. */
const ownTexts = new Set(['weir_denied', 'BEGIN', 'COMMIT', 'ROLLBACK']);
/** Messages that may come to an end later: they are passed on while they come. */
const streamed = { toServer: 'dB', toClient: 'Dd' } as const;
/** What a server may send to a client that has signed in (protocol, "Message Formats"), of what the engine passes on. */
const clientTypes = '123ACDEGHINSTZcdnst';

/** Nothing goes to the server that was not judged. */
export function checkForwarded({ toServer, passed }: EngineRun): void {
  const texts = {
    query: textsOf(passed, 'query'),
    parse: textsOf(passed, 'parse'),
    execute: textsOf(passed, 'execute'),
  };
  for (const frame of framesOf(toServer)) {
    const { type, body, isWhole } = frame;
    must('QPBDECSHXdcf'.includes(type), `a message ${JSON.stringify(type)} went to the server`);
    must(isWhole || streamed.toServer.includes(type), `a part of a message ${type} went to the server`);
    if (type === 'Q') {
      const text = textAt(body, 0)?.text ?? '';
      must(
        ownTexts.has(text) || goesOn(texts.query, text),
        `a Query went to the server that was not judged: ${text.slice(0, 80)}`,
      );
    } else if (type === 'P') {
      const name = textAt(body, 0);
      const text = textAt(body, name?.next ?? 0)?.text ?? '';
      const isOwn = name?.text === 'weir.denied' && text === 'weir_denied';
      must(isOwn || goesOn(texts.parse, text), `a Parse went to the server that was not judged: ${text.slice(0, 80)}`);
      must(isOwn || name?.text.startsWith('weir.') === false, 'a client made a statement under a reserved name');
    } else if (type === 'E') {
      must(texts.execute.shift() !== undefined, 'an Execute went to the server that was not judged');
    }
  }
}

const textsOf = (passed: EngineRun['passed'], phase: string) =>
  passed.filter((ticket) => ticket.phase === phase).map(({ text }) => text);

/** Takes statements off the list up to this one: some that were judged are not sent, but none out of order. */
function goesOn(texts: string[], text: string): boolean {
  const at = texts.indexOf(text);
  texts.splice(0, at + 1);
  return at >= 0;
}

/** The client can read what it gets; and nothing in clear is in it while everything is masked. */
export function checkAnswer({ toClient, areMasked }: EngineRun): void {
  let isClear = false;
  let hasColumns = true;
  for (const frame of framesOf(toClient)) {
    const { type, body, isWhole } = frame;
    must(clientTypes.includes(type), `a message ${JSON.stringify(type)} went to the client`);
    must(isWhole || streamed.toClient.includes(type), `a part of a message ${type} went to the client`);
    // What has no columns has nothing to mask.
    if (type === 'H') isClear = body[0] === 1 || body.readUInt16BE(1) === 0;
    if (type === 'T') hasColumns = body.readUInt16BE(0) > 0;
    if (!areMasked) continue;
    if (type === 'D' && hasColumns) must(isMaskedRow(frame), 'a row with a cell in clear went to the client');
    if (type === 'd' && !isClear) must(!body.includes('hidden'), 'COPY data in clear went to the client');
  }
}

/** Are all cells of a DataRow stars or NULL? */
function isMaskedRow({ body, isWhole }: Frame): boolean {
  if (!isWhole) return !body.includes('hidden');
  let at = 2;
  for (let cells = body.readUInt16BE(0); cells > 0; cells--) {
    if (at + 4 > body.length) return false;
    const length = body.readInt32BE(at);
    at += 4 + Math.max(0, length);
    if (length !== -1 && (length !== 3 || body.toString('latin1', at - 3, at) !== '***')) return false;
  }
  return at === body.length;
}

/** Every statement that was let pass is finished: each result once, in order. */
export function checkFinished({ passed, finished }: EngineRun): void {
  for (const ticket of passed) {
    const outcomes = finished.get(ticket) ?? [];
    if (ticket.phase === 'parse') continue;
    must(outcomes.length > 0, `a ${ticket.phase} that was let pass never finished`);
    must(
      outcomes.every(({ index }, at) => index === at),
      `the results of a ${ticket.phase} finished out of order`,
    );
  }
}

/**
 * What arrives in pieces has the effects of what arrives at once. A connection that the engine ends is the exception: in pieces, something of what waited
 * may still go on before the bytes that end it are there, so that what went out at once is only the beginning of it.
 */
export function checkSame(whole: EngineRun, cut: EngineRun): void {
  const [straight, split] = [whole, cut].map(({ toServer }) => withoutRefusals(toServer)) as [string, string];
  if (whole.hasEnded) {
    must(split.startsWith(straight), 'the server gets something else when the bytes are split');
    return;
  }
  must(!cut.hasEnded, 'the connection ends only when the bytes are split');
  const isRefusedAlike = [whole, cut].map(({ toServer }) => refusalsIn(toServer)).every((n, _at, all) => n === all[0]);
  if (!isRefusedAlike) {
    // COPY data behind what was refused is dropped here, or dropped by the server.
    const common = Math.min(...[whole, cut].map(({ toServer }) => firstRefusal(toServer)));
    must(
      straight.slice(0, common) === split.slice(0, common),
      'the server gets something else when the bytes are split',
    );
    return;
  }
  must(straight === split, 'the server gets something else when the bytes are split');
  // Then one of the two still waits for the server's answer to what was refused.
  if (!whole.toServer.equals(cut.toServer)) return;
  must(whole.toClient.equals(cut.toClient), 'the client gets something else when the bytes are split');
  for (const side of ['client', 'server'] as const) {
    const [left, right] = [whole.story[side].join('\n'), cut.story[side].join('\n')];
    must(
      left === right,
      `the host is told something else of the ${side} when the bytes are split: ${difference(left, right)}`,
    );
  }
}

/**
 * What is refused is answered here when nothing is outstanding; otherwise the server gets something that fails, for its answer to stand in the right place.
 * Which of the two depends on when the bytes come.
 */
const withoutRefusals = (sent: Buffer) =>
  sent.toString('latin1').replaceAll(refusedQuery, '').replaceAll(refusedParse, '');
const refusalsIn = (sent: Buffer) =>
  sent.toString('latin1').split(new RegExp(`${refusedQuery}|${refusedParse}`)).length - 1;
/** Where the first refusal stands; the length of everything when there is none. */
const firstRefusal = (sent: Buffer) => {
  const text = sent.toString('latin1');
  const at = [refusedQuery, refusedParse].map((refused) => text.indexOf(refused)).filter((found) => found >= 0);
  return Math.min(text.length, ...at);
};
const refusedQuery = encodeFrame('Q', Buffer.from('weir_denied\0')).toString('latin1');
const refusedParse = encodeFrame('P', Buffer.from('weir.denied\0weir_denied\0\0\0')).toString('latin1');

function difference(left: string, right: string): string {
  const [before, after] = [left.split('\n'), right.split('\n')];
  const at = before.findIndex((line, index) => line !== after[index]);
  return `${before[at]} / ${after[at < 0 ? before.length : at]}`.slice(0, 300);
}
