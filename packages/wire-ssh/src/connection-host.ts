import type { Endpoint, IncomingChannel } from './messages.ts';
import type { SshDecision, SshRequest } from './ssh-request.ts';

/** What an engine asks of the connection to the target: one at a time, each is answered by `answer`. */
export type ConnectionAction =
  | { readonly type: 'listen' | 'unlisten'; readonly at: Endpoint | { readonly path: string } }
  /** End the connection and all its channels. Not answered; nothing follows. */
  | { readonly type: 'close' };

/** What happened to the connection to the target. */
export type ConnectionEvent =
  /** It is signed in at. */
  | { readonly type: 'ready' }
  /** It cannot be dialled, or has ended: `text` for the person (lines, LF; the first begins with `weir: `). */
  | { readonly type: 'failed'; readonly text: string }
  /** Of listen and unlisten. `port`: the one that was chosen, when port 0 was asked for. */
  | { readonly type: 'answer'; readonly isSuccess: boolean; readonly port: number | null }
  /** The target opens a channel; `number` is the host's for it. */
  | { readonly type: 'incoming'; readonly number: number; readonly channel: IncomingChannel };

/** The world of a connection's engine. */
export interface ConnectionHost {
  /** As in SessionHost. */
  toClient(bytes: Buffer): void;
  toServer(action: ConnectionAction): void;
  judge(request: SshRequest): SshDecision | Promise<SshDecision>;
  /** The target listens no more at a place of which the ticket was given: it was cancelled, could not be, or the connection ended. */
  listenEnded(ticket: unknown, error: string | null): void;
  note(code: 'refused' | 'protocol', text: string): void;
  end(): void;
}

/** Engine of the lane channel that stands for a client's SSH connection as a whole. */
export interface ConnectionEngine {
  fromClient(bytes: Buffer): void;
  fromServer(event: ConnectionEvent): void;
  /** A request is being decided or answered: the host gives no more credit. */
  readonly paused: boolean;
  /** Ends the connection with a text for the person. */
  kill(text: string): void;
  /** The lane channel is gone. */
  abandon(): void;
}
