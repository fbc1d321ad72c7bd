import type { Destination, SshDecision, SshRequest } from './ssh-request.ts';

/** A forward as its engine is made: what the lane channel's OPEN says. */
export type Forward =
  | Extract<SshRequest, { kind: 'direct-tcpip' | 'direct-streamlocal' | 'incoming-auth-agent' | 'incoming-x11' }>
  | (Extract<SshRequest, { kind: 'forwarded-tcpip' | 'forwarded-streamlocal' }> & { readonly isListening: false });

/** What an engine does at the target's channel. */
export type ForwardAction =
  /** Connect the destination; of a channel that the target opened: accept it. Answered by `opened` or `refused`. */
  | { readonly type: 'open' }
  /** Of a channel that the target opened: refuse it. Nothing follows. */
  | { readonly type: 'refuse'; readonly reason: number; readonly text: string }
  | { readonly type: 'data'; readonly bytes: Buffer }
  | { readonly type: 'eof' }
  | { readonly type: 'close' };

/** What came from the target's channel. */
export type ForwardEvent =
  | { readonly type: 'opened' }
  /** `reason` is one of openFailure. */
  | { readonly type: 'refused'; readonly reason: number; readonly text: string }
  | { readonly type: 'data'; readonly bytes: Buffer }
  | { readonly type: 'eof' }
  | { readonly type: 'close' };

/** How a forward went. */
export interface ForwardOutcome {
  readonly destination: Destination | null;
  /** From the client to the target, and back. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Why it could not be opened; null = it was. */
  readonly error: string | null;
}

/** The world of a forward's engine. */
export interface ForwardHost {
  /** As in SessionHost. */
  toClient(bytes: Buffer): void;
  toServer(action: ForwardAction): void;
  judge(request: SshRequest): SshDecision | Promise<SshDecision>;
  /** It has ended: once for each that was let pass. */
  forwardEnded(ticket: unknown, outcome: ForwardOutcome): void;
  note(code: 'refused' | 'protocol', text: string): void;
  end(): void;
}

/** Engine of one forwarded channel. */
export interface ForwardEngine {
  /** Judges the forward; call it once, at the beginning. */
  start(): void;
  fromClient(bytes: Buffer): void;
  fromServer(event: ForwardEvent): void;
  /** It is being decided, or not open yet: the host gives no more credit. */
  readonly paused: boolean;
  /** Ends the forward; before it is open with the text as its failure. */
  kill(text: string): void;
  /** The lane channel is gone. */
  abandon(): void;
}
