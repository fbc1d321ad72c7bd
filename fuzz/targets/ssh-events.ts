import type { ConnectionEvent, ForwardEvent, SessionEvent } from '@weir/wire-ssh';

/** What comes from a target's session channel: the first byte says which kind, the others are its content. */
export function sessionEventOf(bytes: Buffer): SessionEvent {
  const rest = bytes.subarray(1);
  switch ((bytes[0] ?? 0) % 9) {
    case 0:
      return { type: 'started' };
    case 1:
      return { type: 'refused', text: 'weir: the target does not start it' };
    case 2:
      return { type: 'eof' };
    case 3:
      return { type: 'exit-status', status: rest[0] ?? 0 };
    case 4:
      return { type: 'exit-signal', signal: 'TERM', isCoreDumped: false, message: '' };
    case 5:
      return { type: 'eow' };
    case 6:
      return { type: 'close' };
    case 7:
      return { type: 'data', stream: 'stderr', bytes: rest };
    default:
      return { type: 'data', stream: 'stdout', bytes: rest };
  }
}

/** Likewise of a forwarded channel. */
export function forwardEventOf(bytes: Buffer): ForwardEvent {
  switch ((bytes[0] ?? 0) % 5) {
    case 0:
      return { type: 'opened' };
    case 1:
      return { type: 'refused', reason: 2, text: 'no' };
    case 2:
      return { type: 'eof' };
    case 3:
      return { type: 'close' };
    default:
      return { type: 'data', bytes: bytes.subarray(1) };
  }
}

/** Likewise of a connection. */
export function connectionEventOf(bytes: Buffer): ConnectionEvent {
  const number = bytes[1] ?? 0;
  switch ((bytes[0] ?? 0) % 5) {
    case 0:
      return { type: 'ready' };
    case 1:
      return { type: 'failed', text: 'weir: gone' };
    case 2:
      return { type: 'answer', isSuccess: true, port: number };
    case 3:
      return { type: 'answer', isSuccess: false, port: null };
    default:
      return { type: 'incoming', number, channel: { type: 'auth-agent@openssh.com' } };
  }
}
