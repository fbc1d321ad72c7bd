import type { SshGate, SshGateDecision, SshTicket } from '@weir/gate';
import { createInputReader, type InputEvent, type InputReader } from '@weir/masking';
import { encodeInput } from '@weir/recording';

/** What a person types at a terminal: recorded and judged as far as policy wants it and it can be seen. Advisory: see docs/known-limitations.md. */
export interface TerminalInput {
  /** Bytes on their way to the target. @returns what goes on */
  input(ticket: SshTicket, bytes: Buffer): Buffer | null | Promise<Buffer | null>;
  /** Output of the target, before anything is done with it. */
  output(bytes: Buffer): void;
}

/** What it needs. */
export interface TerminalInputParts {
  readonly gate: SshGate;
  record(eventJson: Buffer): void;
  /** Lines for the person, LF. */
  notice(text: string): void;
  now(): number;
}

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
/** To the end of the line, away with it, and a new prompt: what a line is replaced with that must not run. */
const insteadOfEnter = Buffer.from('\x05\x15\r');

/** Makes it for one terminal. */
export function createTerminalInput(parts: TerminalInputParts): TerminalInput {
  const { gate } = parts;
  let reader: InputReader | undefined;
  let hiddenTold = 0;
  const recordSeen = () => {
    const seen = reader?.takeRecordable();
    if (reader === undefined || seen === undefined || !gate.isInputRecorded) return;
    const hidden = reader.hiddenBytes - hiddenTold;
    if (seen.length === 0 && hidden === 0) return;
    hiddenTold = reader.hiddenBytes;
    parts.record(encodeInput(parts.now(), seen, hidden));
  };
  /** Judges what a piece has entered, one after the other; the first refusal counts. */
  const judge = (
    ticket: SshTicket,
    events: readonly InputEvent[],
  ): SshGateDecision | null | Promise<SshGateDecision | null> => {
    for (const [index, event] of events.entries()) {
      const text = event.type === 'line' || event.type === 'paste' ? event.text : null;
      if (text === null || text.trim() === '') continue;
      const decision = gate.typed(ticket, text);
      if (decision instanceof Promise)
        return decision.then((made) => (made.action === 'deny' ? made : judge(ticket, events.slice(index + 1))));
      if (decision.action === 'deny') return decision;
    }
    return null;
  };
  const settled = (piece: Buffer, decision: SshGateDecision | null): Buffer => {
    if (decision?.action !== 'deny') return piece;
    parts.notice(decision.text);
    return Buffer.concat([piece.subarray(0, entersLine(piece) ? -1 : piece.length), insteadOfEnter]);
  };
  const pass = (ticket: SshTicket, pieces: readonly Buffer[]): Buffer | Promise<Buffer> => {
    const passed: Buffer[] = [];
    for (const [index, piece] of pieces.entries()) {
      const decision = judge(ticket, reader?.input(piece) ?? []);
      if (decision instanceof Promise) {
        return decision.then(async (made) => {
          const rest = await pass(ticket, pieces.slice(index + 1));
          return Buffer.concat([...passed, settled(piece, made), rest]);
        });
      }
      passed.push(settled(piece, decision));
    }
    return passed.length === 1 ? (passed[0] as Buffer) : Buffer.concat(passed);
  };

  return {
    input(ticket, bytes) {
      if (!gate.isInputJudged && !gate.isInputRecorded) return bytes;
      reader ??= createInputReader();
      if (gate.isInputJudged) return pass(ticket, splitLines(bytes));
      reader.input(bytes);
      recordSeen();
      return bytes;
    },
    output(bytes) {
      if (reader === undefined) return;
      reader.output(bytes);
      recordSeen();
    },
  };
}

const entersLine = (piece: Buffer) => piece.at(-1) === carriageReturn || piece.at(-1) === lineFeed;

/** Each line with its end, so that what follows a line is only sent when that was judged. */
function splitLines(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] !== carriageReturn && bytes[at] !== lineFeed) continue;
    pieces.push(bytes.subarray(from, at + 1));
    from = at + 1;
  }
  if (from < bytes.length) pieces.push(bytes.subarray(from));
  return pieces;
}
