import { WeirError } from '@weir/errors';
import { ClientSide } from './client-side.ts';
import { encodeNoticeResponse } from './encode-backend.ts';
import type { EngineHost, ErrorFields, PostgresEngine, TransactionStatus } from './engine-host.ts';
import { EngineState } from './engine-state.ts';
import { encodeOwnQuery, OwnQuery } from './own-query.ts';
import { Entry, type EntryKind } from './response-queue.ts';
import { refusedParameter } from './server-reports.ts';
import { ServerSide } from './server-side.ts';

/** Bounds of one engine, in bytes, and where the server stands. */
export interface EngineOptions {
  /** Largest Bind that is put together (default 1 MiB); a larger one goes to the server while it comes, as CopyData does, up to the protocol's own bound. */
  readonly wholeBindBytes?: number;
  /** Largest Query or Parse (default 1 MiB): beyond it the statement is denied. */
  readonly maxTextBytes?: number;
  /** Client bytes kept while a judgement is open (default 16 MiB): beyond it the connection ends. */
  readonly maxBufferedBytes?: number;
  /** Largest row with masked cells that is put together (default 1 MiB); a larger one is masked while it comes. */
  readonly wholeRowBytes?: number;
  /**
   * Most that is held of one row for masking (default 16 MiB). A masked cell that is larger becomes NULL. In a result, whose rows begin with their
   * length, more than that in clear before a masked column ends the connection; COPY has no such bound.
   */
  readonly maxHeldBytes?: number;
  /** Of the server's last ReadyForQuery. */
  readonly transactionStatus?: TransactionStatus;
  /**
   * The host has used the bytes of a `toClient` call when it returns. Then chunks of the server may change after each `fromServer`, and the engine
   * writes into the same memory again. Default false.
   */
  readonly isHostCopying?: boolean;
  /** What the server reported at sign-in; checked as later reports are. */
  readonly parameterStatus?: ReadonlyMap<string, string>;
}

const mebibyte = 1024 * 1024;

/**
 * Makes the engine between a client that has signed in and a server that is ready. It does no I/O and keeps no time: chunks go in, the host's
 * functions are called. Chunks belong to the engine afterwards (slices of them are relayed and kept).
 * @throws WeirError feature_not_supported when the server reads text otherwise than statements are judged (see refusedParameter)
 */
export function createPostgresEngine(host: EngineHost, options: EngineOptions = {}): PostgresEngine {
  for (const [name, value] of options.parameterStatus ?? []) {
    const problem = refusedParameter(name, value);
    if (problem !== null) throw new WeirError('feature_not_supported', problem);
  }
  const state = new EngineState(host, options.transactionStatus ?? 'I', options.isHostCopying ?? false);
  const limits = {
    wholeBindBytes: options.wholeBindBytes ?? mebibyte,
    maxTextBytes: options.maxTextBytes ?? mebibyte,
  };
  const client = new ClientSide(state, limits, options.maxBufferedBytes ?? 16 * mebibyte);
  const server = new ServerSide(state, {
    wholeRowBytes: options.wholeRowBytes ?? mebibyte,
    maxHeldBytes: options.maxHeldBytes ?? 16 * mebibyte,
  });
  state.wake = () => state.step(() => client.pump());
  return {
    fromClient(chunk) {
      state.step(() => client.feed(chunk));
    },
    fromServer(chunk) {
      if (state.hasEnded) return;
      state.step(() => {
        server.feed(chunk);
        if (state.blockedUntil !== null) client.pump();
      });
    },
    get paused() {
      return state.isJudging || state.blockedUntil !== null;
    },
    get status() {
      return state.status;
    },
    get isQuiet() {
      return state.isQuiet;
    },
    get implicitTransaction() {
      return state.isUnsynced ? state.segment : null;
    },
    notice(fields) {
      if (state.hasEnded) return;
      const bytes = encodeNoticeResponse(fields);
      if (state.isMidMessage) state.waitingNotices.push(bytes);
      else state.step(() => state.sendToClient(bytes));
    },
    query: (sql) => ownQuery(state, sql),
    fail(error: ErrorFields) {
      state.fail(error);
    },
  };
}

function ownQuery(state: EngineState, sql: string): Promise<readonly (readonly (string | null)[])[]> {
  const refusal = state.hasEnded
    ? 'the connection has ended'
    : !state.isJudging
      ? 'own queries run only while a judgement is open'
      : state.isSkipping || (state.status === 'E' && state.isQuiet)
        ? 'the transaction has failed'
        : null;
  if (refusal !== null)
    return Promise.reject(new WeirError('target_error', 'an own query cannot run now', { why: refusal }));
  const isSync = !state.isUnsynced;
  const own = new OwnQuery(isSync);
  state.step(() => {
    state.sendToServer(encodeOwnQuery(sql, isSync));
    const kinds: EntryKind[] = ['parse', 'bind', 'execute', 'close', 'close'];
    for (const kind of isSync ? [...kinds, 'sync' as const] : kinds) {
      const entry = new Entry(kind, state.segment);
      entry.own = own;
      entry.visible = false;
      state.queue.push(entry);
    }
  });
  return own.result;
}
