import { isWeirError, WeirError } from '@weir/errors';
import type { SshOpen, SshTarget } from '@weir/proto';
import type { FactsOf } from '../protocol-runtime.ts';
import type { SessionServices } from '../session-services.ts';
import { refuseIncoming } from '../targets/open-ssh-channel.ts';
import { type DialledSsh, dialSsh } from '../targets/ssh.ts';
import { onIncoming, passEndOfWrite, type Ssh2Incoming } from '../targets/ssh2-internals.ts';

/** How it stands with a connection to a target. `text`: for the person, lines with LF, the first begins with `weir: `. */
export type UpstreamState =
  | { readonly is: 'dialling' }
  | { readonly is: 'ready'; readonly dialled: DialledSsh }
  | { readonly is: 'failed'; readonly text: string; readonly error: WeirError };

/** The one connection to the target that all channels of a client's SSH connection share. */
export interface Upstream {
  /** Dials: the channel that stands for the connection has come. */
  begin(facts: FactsOf<SshOpen>): void;
  readonly hasBegun: boolean;
  readonly state: UpstreamState;
  /** Calls back once it is signed in at or has failed; at once when that is known. */
  settled(listener: (state: Exclude<UpstreamState, { is: 'dialling' }>) => void): void;
  /** Calls back when it is lost after it was ready. @returns forgets the listener */
  onLost(listener: (text: string) => void): () => void;
  /** The target opens a channel. */
  onIncoming(listener: (number: number, incoming: Ssh2Incoming) => void): void;
  /** A channel that was announced; undefined = it is gone or was taken already. */
  takeIncoming(number: number): Ssh2Incoming | undefined;
  /** Something may be opened by the target: a session forwards its agent, or X11. */
  expect(what: 'auth-agent@openssh.com' | 'x11'): void;
  close(): void;
}

const dialTimeoutMs = 10_000;
/** The gateway may still be sealing the target's secret when the first channel is there. */
const beginTimeoutMs = 15_000;
/** Channels that the target has opened and nobody has taken. */
const maxIncoming = 100;

/** Creates a connection that `begin` dials. Channels may come before that: they wait a while. */
export function createUpstream(services: SessionServices): Upstream {
  let state: UpstreamState = { is: 'dialling' };
  let isClosed = false;
  let hasBegun = false;
  const waiting: ((state: Exclude<UpstreamState, { is: 'dialling' }>) => void)[] = [];
  const losers = new Set<(text: string) => void>();
  const incoming = new Map<number, Ssh2Incoming>();
  const expected = new Set<string>(['forwarded-tcpip', 'forwarded-streamlocal@openssh.com']);
  let announce: ((number: number, incoming: Ssh2Incoming) => void) | undefined;
  let numbers = 0;

  const settle = (next: Exclude<UpstreamState, { is: 'dialling' }>) => {
    state = next;
    for (const listener of waiting.splice(0)) listener(next);
  };
  const fail = (error: unknown) => {
    const shown = isWeirError(error)
      ? error
      : new WeirError('internal', 'the host could not be reached', { cause: error });
    const isLost = state.is === 'ready';
    const next = { is: 'failed', error: shown, text: textOf(shown) } as const;
    incoming.clear();
    settle(next);
    if (isLost) for (const listener of [...losers]) listener(next.text);
  };
  const takeOver = (dialled: DialledSsh, target: SshTarget) => {
    const { client } = dialled;
    passEndOfWrite(client);
    onIncoming(client, (arrived) => {
      const isKnown = expected.has(arrived.type) && announce !== undefined && incoming.size < maxIncoming;
      if (!isKnown) return refuseIncoming(client, arrived, { reason: 1, text: 'it was not asked for' });
      numbers += 1;
      incoming.set(numbers, arrived);
      announce?.(numbers, arrived);
    });
    let why = 'it closed the connection';
    client.on('error', (error: Error) => {
      why = error.message;
    });
    client.on('close', () => {
      if (!isClosed) fail(lost(target, why));
    });
    settle({ is: 'ready', dialled });
  };

  const begun = setTimeout(() => {
    fail(new WeirError('target_unavailable', 'the connection of this channel to its host is not there'));
  }, beginTimeoutMs).unref();

  return {
    get hasBegun() {
      return hasBegun;
    },
    begin({ target, sessionId }) {
      hasBegun = true;
      clearTimeout(begun);
      if (state.is !== 'dialling') return;
      dialSsh(target, {
        secret: () => services.resolvePassword(target.secret, sessionId),
        ...{ sshKey: services.sshKey, timeoutMs: dialTimeoutMs, now: services.now },
      }).then((dialled) => {
        if (isClosed) dialled.close();
        else takeOver(dialled, target);
      }, fail);
    },
    get state() {
      return state;
    },
    settled(listener) {
      if (state.is === 'dialling') waiting.push(listener);
      else listener(state);
    },
    onLost(listener) {
      losers.add(listener);
      return () => void losers.delete(listener);
    },
    onIncoming(listener) {
      announce = listener;
    },
    takeIncoming(number) {
      const known = incoming.get(number);
      incoming.delete(number);
      return known;
    },
    expect: (what) => void expected.add(what),
    close() {
      if (isClosed) return;
      isClosed = true;
      clearTimeout(begun);
      if (state.is === 'ready') state.dialled.close();
      fail(new WeirError('session_ended', 'the connection was closed'));
    },
  };
}

function lost(target: SshTarget, why: string): WeirError {
  return new WeirError('target_unavailable', `the connection to ${target.host}:${target.port} was lost: ${why}`, {
    why,
  });
}

/** Lines for a person. */
export function textOf({ message, fix }: WeirError): string {
  return `weir: ${message}\nweir: ${fix}`;
}
