import { randomBytes } from 'node:crypto';
import type { Caller } from '../caller.ts';
import { shortId } from '../short-id.ts';

/** A client that waits for somebody to confirm its sign-in in the browser. */
export interface Confirmation {
  /** The secret part of the page's address. */
  readonly id: string;
  /** Shown in the terminal and on the page, so that people see that the page is theirs. */
  readonly code: string;
  /** The account that the client named. */
  readonly user: string;
  readonly connection: string;
  readonly clientAddress: string;
  readonly clientVersion: string;
  readonly expiresAtMs: number;
}

/** How it ended. `outdated`: nobody came in time, or the client has gone. */
export type ConfirmationOutcome =
  | { readonly kind: 'confirmed'; readonly caller: Caller }
  | { readonly kind: 'denied' }
  | { readonly kind: 'outdated' };

/** Clients that wait for a browser. Each is of one SSH connection, lives two minutes and is used once. */
export interface Confirmations {
  /** @returns undefined when too many wait from this address, or at all */
  begin(
    about: Pick<Confirmation, 'user' | 'connection' | 'clientAddress' | 'clientVersion'>,
    gone: AbortSignal,
  ): { readonly confirmation: Confirmation; readonly outcome: Promise<ConfirmationOutcome> } | undefined;
  /** One that waits. */
  find(id: string): Confirmation | undefined;
  /** Ends the waiting. @returns false when it has ended already */
  settle(id: string, outcome: ConfirmationOutcome): boolean;
}

/** How long a person may take. */
export const confirmationLifeMs = 120_000;
const most = { inAll: 1_000, perAddress: 50 };

/** Makes the room in which they wait: the memory of this process, which holds the clients' connections. */
export function createConfirmations(now: () => number): Confirmations {
  const waiting = new Map<
    string,
    { readonly confirmation: Confirmation; settle(outcome: ConfirmationOutcome): void }
  >();
  const settle: Confirmations['settle'] = (id, outcome) => {
    const entry = waiting.get(id);
    if (entry === undefined) return false;
    waiting.delete(id);
    entry.settle(outcome);
    return true;
  };
  return {
    begin: (about, gone) => {
      const ofAddress = [...waiting.values()].filter(
        ({ confirmation }) => confirmation.clientAddress === about.clientAddress,
      ).length;
      if (waiting.size >= most.inAll || ofAddress >= most.perAddress || gone.aborted) return undefined;
      const id = randomBytes(24).toString('base64url');
      const code = shortId(8)
        .toUpperCase()
        .replace(/^(.{4})/, '$1-');
      const confirmation = { ...about, id, code, expiresAtMs: now() + confirmationLifeMs };
      const outcome = new Promise<ConfirmationOutcome>((resolve) => {
        const end = (): void => void settle(id, { kind: 'outdated' });
        const timer = setTimeout(end, confirmationLifeMs);
        timer.unref();
        gone.addEventListener('abort', end, { once: true });
        waiting.set(id, {
          confirmation,
          settle: (result) => {
            clearTimeout(timer);
            gone.removeEventListener('abort', end);
            resolve(result);
          },
        });
      });
      return { confirmation, outcome };
    },
    find: (id) => {
      const found = waiting.get(id)?.confirmation;
      return found !== undefined && found.expiresAtMs > now() ? found : undefined;
    },
    settle: (id, outcome) => {
      const found = waiting.get(id)?.confirmation;
      const isLate = found !== undefined && found.expiresAtMs <= now();
      return settle(id, isLate ? { kind: 'outdated' } : outcome) && !isLate;
    },
  };
}
