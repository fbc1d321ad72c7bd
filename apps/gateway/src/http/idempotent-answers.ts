import { createHash, hkdfSync } from 'node:crypto';
import { isWeirError, WeirError } from '@weir/errors';
import { z } from 'zod';
import type { Log } from '../log/create-log.ts';
import type { IdempotentAnswerRepository, IdempotentRow } from '../store/idempotent-answers.ts';
import { createContentSeal } from '../store/sealed-content.ts';

/** A request with an idempotency key. */
export interface KeyedRequest {
  /** Id of who sends it: keys of different accounts never meet. */
  readonly principal: string;
  readonly key: string;
  /** Method, address and body: what must be the same when the key comes again. */
  readonly content: Buffer;
}

/** What a request was answered with. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Runs requests with a key once, and answers those that come again with the first answer. */
export interface IdempotentAnswers {
  /** @throws WeirError idempotency_key_reused, conflict, and what `run` throws. */
  once(request: KeyedRequest, run: () => Promise<Answer>): Promise<Answer & { readonly isReplay: boolean }>;
}

/** What the answers stand on. `key` (32 bytes) seals them, together with the client's own key. */
export interface IdempotentAnswerParts {
  readonly answers: IdempotentAnswerRepository;
  readonly key: Buffer;
  readonly log: Log;
  readonly now: () => number;
}

const lifeMs = 24 * 3_600_000;
/** So long a request waits for the one with its key that runs. */
const waitMs = 10_000;
const forgetEveryMs = 60_000;
const answerSchema = z.object({ status: z.int(), body: z.unknown().optional() });

/** Makes the answers. */
export function createIdempotentAnswers(parts: IdempotentAnswerParts): IdempotentAnswers {
  const { answers, log, now } = parts;
  const running = new Map<string, { readonly content: Buffer; readonly settled: Promise<void> }>();
  let forgottenAtMs = 0;
  const forgetExpired = async (): Promise<void> => {
    if (now() - forgottenAtMs < forgetEveryMs) return;
    forgottenAtMs = now();
    await answers.forgetExpired(new Date(now()));
  };
  const runNow = async (hash: Buffer, request: KeyedRequest, run: () => Promise<Answer>): Promise<Answer> => {
    let answer: Answer;
    try {
      answer = await run();
    } catch (error) {
      // A refusal changed nothing, so the key is free again. After a failure in the middle nobody knows.
      await (isWeirError(error) && error.code !== 'internal' ? answers.forget(hash) : answers.lose(hash));
      throw error;
    }
    const content = sealOf(parts, hash, request).seal(answer, contextOf(hash));
    // It was done: that it cannot be repeated is no reason to hide the answer.
    await answers.finish(hash, content).catch((error: unknown) => log.error('an answer could not be kept', error));
    return answer;
  };
  const answer = async (hash: Buffer, content: Buffer, request: KeyedRequest, run: () => Promise<Answer>) => {
    const times = { now: new Date(now()), expiresAt: new Date(now() + lifeMs) };
    const known = await answers.begin(hash, content, times);
    if (known === undefined) return { ...(await runNow(hash, request, run)), isReplay: false };
    if (!known.request.equals(content)) throw reused();
    return { ...opened(parts, known, request), isReplay: true };
  };
  return {
    once: async (request, run) => {
      const hash = createHash('sha256')
        .update(JSON.stringify([request.principal, request.key]))
        .digest();
      const content = createHash('sha256').update(request.content).digest();
      const name = hash.toString('hex');
      await forgetExpired();
      const endMs = performance.now() + waitMs;
      for (let other = running.get(name); other !== undefined; other = running.get(name)) {
        if (!other.content.equals(content)) throw reused();
        const leftMs = endMs - performance.now();
        if (leftMs <= 0) throw stillRunning();
        await atMost(other.settled, leftMs);
      }
      const result = answer(hash, content, request, run);
      const done = () => void running.delete(name);
      running.set(name, { content, settled: result.then(done, done) });
      return result;
    },
  };
}

/** Neither the store with the gateway's keys nor a client's key alone opens an answer: it may hold what is shown once. */
function sealOf({ key }: IdempotentAnswerParts, hash: Buffer, request: KeyedRequest) {
  const secret = Buffer.concat([key, Buffer.from(request.key)]);
  return createContentSeal(Buffer.from(hkdfSync('sha256', secret, hash, 'weir idempotent answer', 32)));
}

function contextOf(hash: Buffer): string {
  return `answer ${hash.toString('hex')}`;
}

function opened(parts: IdempotentAnswerParts, { hash, content }: IdempotentRow, request: KeyedRequest): Answer {
  if (content === null) throw lost();
  const { status, body } = answerSchema.parse(sealOf(parts, hash, request).open(content, contextOf(hash)));
  return { status, body };
}

async function atMost(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}

function reused(): WeirError {
  return new WeirError('idempotency_key_reused', 'The idempotency key was used for another request.', {
    why: 'Its method, address or body was different.',
  });
}

function stillRunning(): WeirError {
  return new WeirError('conflict', 'The request with this idempotency key is still being answered.', {
    fix: 'Send it again with the same key in a moment.',
  });
}

function lost(): WeirError {
  return new WeirError('conflict', 'The request with this idempotency key failed in the middle.', {
    why: 'The gateway cannot say whether it was carried out.',
    fix: 'Look at what exists; if it was not done, send the request with a new key.',
  });
}
