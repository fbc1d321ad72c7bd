import {
  createPostgresEngine,
  type Decision,
  type EngineHost,
  type JudgeRequest,
  type Outcome,
  type RowMasks,
} from '@weir/wire-postgres';
import { must } from '../core/target.ts';
import type { Conversation, Side } from './conversation.ts';

/** What the bits of a conversation's options do. */
const option = { mask: 1, late: 2, tight: 4, maxRows: 8, describe: 16, maxAffected: 32, meter: 64, csv: 128 } as const;

/** A statement that the host let pass. */
export interface Ticket {
  readonly phase: JudgeRequest['phase'];
  readonly text: string;
}

/** Everything that an engine did with a conversation. */
export interface EngineRun {
  readonly toServer: Buffer;
  readonly toClient: Buffer;
  /** Statements that were let pass, in order. */
  readonly passed: readonly Ticket[];
  readonly finished: ReadonlyMap<Ticket, readonly Outcome[]>;
  /**
   * What the host was told of each side, in order. How the two mix depends on when the bytes come, as does what a statement is told of those before it:
   * neither is here.
   */
  readonly story: Readonly<Record<Side, readonly string[]>>;
  /** Did the engine end the connection, before it was lost? */
  readonly hasEnded: boolean;
  readonly areMasked: boolean;
}

const stars = {
  maxLength: () => 3,
  write: (_s: Buffer, _f: number, _t: number, target: Buffer, at: number) => target.write('***', at),
};
const maskAll = (columns: number): RowMasks => Array.from({ length: columns }, () => stars);
const no = { S: 'ERROR', V: 'ERROR', C: '42501', M: 'no' };
const tightLimits = {
  wholeBindBytes: 64,
  maxTextBytes: 200,
  maxBufferedBytes: 4096,
  wholeRowBytes: 64,
  maxHeldBytes: 256,
};
const fewRows = () => ({
  rowsLeft: 3,
  bytesLeft: 200,
  took(rows: number, bytes: number) {
    this.rowsLeft -= rows;
    this.bytesLeft -= bytes;
  },
  overdraw: () => false,
});

/** Plays a conversation; `split` cuts what arrives together. The connection is lost at its end. */
export async function runEngine(
  { options, steps }: Conversation,
  split: (bytes: Buffer, side: Side) => readonly Buffer[],
): Promise<EngineRun> {
  const has = (bit: number) => (options & bit) !== 0;
  const out: { toServer: Buffer[]; toClient: Buffer[] } = { toServer: [], toClient: [] };
  const passed: Ticket[] = [];
  const finished = new Map<Ticket, Outcome[]>();
  const story: Record<Side, string[]> = { client: [], server: [] };
  let hasEnded = false;
  const tell = (...words: readonly unknown[]) => {
    story[words[0] === 'judge' || words[0] === 'named' ? 'client' : 'server'].push(
      words.map((word) => JSON.stringify(word) ?? 'undefined').join(' '),
    );
  };
  const decide = (request: JudgeRequest): Decision => {
    const { phase, text, prepared } = request;
    tell('judge', phase, text, request.parameterFormats, request.parameterTypes);
    if (phase === 'execute') {
      must(passed.includes(prepared as Ticket), 'a portal is executed whose statement was not judged');
      must((prepared as Ticket).text === text, 'a portal is judged by another text than its statement was');
    }
    if (text.includes('denied')) return { action: 'deny', error: no, fatal: text.includes('fatal') };
    const ticket = { phase, text };
    passed.push(ticket);
    return {
      ...{ action: 'forward', ticket, describe: has(option.describe) && phase !== 'query' },
      ...{ maxRows: has(option.maxRows) ? 2 : null, maxAffected: has(option.maxAffected) ? 1 : null },
      meters: has(option.meter) ? [fewRows(), null, fewRows()] : null,
    };
  };
  const host: EngineHost = {
    toServer(bytes) {
      must(!hasEnded, 'bytes were sent to the server after the end');
      out.toServer.push(Buffer.from(bytes));
    },
    toClient(bytes) {
      must(!hasEnded, 'bytes were sent to the client after the end');
      out.toClient.push(Buffer.from(bytes));
    },
    judge: (request) => (has(option.late) ? Promise.resolve().then(() => decide(request)) : decide(request)),
    describe(_ticket, index, fields) {
      tell('describe', index, fields);
      return has(option.mask) ? maskAll(fields.length) : null;
    },
    copyOut(_ticket, index, columns, format) {
      tell('copyOut', index, columns, format);
      const csv = { delimiter: ',', quote: '"', escape: '"', nullText: '', header: false };
      return { masks: has(option.mask) ? maskAll(columns) : null, csv: has(option.csv) ? csv : null };
    },
    sampleRows: () => 1,
    sample: (_ticket, index, cells, formats) =>
      tell(
        'sample',
        index,
        cells.map((cell) => cell?.toString('latin1') ?? null),
        formats,
      ),
    exceeded(_ticket, index, by) {
      tell('exceeded', index, by);
      return { error: no, settled: Promise.resolve() };
    },
    changedTooMuch(_ticket, index, rows) {
      tell('changedTooMuch', index, rows);
      return no;
    },
    finished(ticket, outcome) {
      tell('finished', (ticket as Ticket | null)?.text, outcome);
      finished.set(ticket as Ticket, [...(finished.get(ticket as Ticket) ?? []), outcome]);
    },
    redact: () => ({ ...no, M: 'redacted' }),
    notification: () => '***',
    parameterStatus: (name, value) => tell('parameterStatus', name, value),
    named: (kind, name) => tell('named', kind, name),
    ready: (status) => tell('ready', status),
    end(error) {
      must(!hasEnded, 'the end was told twice');
      tell('end', error);
      hasEnded = true;
    },
  };
  const engine = createPostgresEngine(host, has(option.tight) ? tightLimits : {});
  for (const { side, bytes } of steps) {
    for (const chunk of split(bytes, side)) {
      if (side === 'client') engine.fromClient(Buffer.from(chunk));
      else engine.fromServer(Buffer.from(chunk));
    }
    // Decisions that take their time come between steps, however these are split.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const hasEndedItself = hasEnded;
  engine.fail({ S: 'FATAL', V: 'FATAL', C: '08006', M: 'lost' });
  const [toServer, toClient] = [Buffer.concat(out.toServer), Buffer.concat(out.toClient)];
  return { toServer, toClient, passed, finished, areMasked: has(option.mask), story, hasEnded: hasEndedItself };
}
