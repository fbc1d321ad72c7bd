import type { SshGate, SshTicket } from '@weir/gate';
import type { ChannelEvent } from '@weir/recording';
import type { SessionExit, OutputStream as StreamName, TerminalRequest, TerminalSize } from '@weir/wire-ssh';
import { createOutputStream, type OutputStream } from './output-stream.ts';
import { createTerminalInput } from './terminal-input.ts';

/** What a program shows and takes, between the target and the client: masked, recorded, counted. */
export interface ProgramIo {
  output(ticket: SshTicket, stream: StreamName, bytes: Buffer): Buffer | null;
  outputEnded(ticket: SshTicket, stream: StreamName): Buffer | null;
  input(ticket: SshTicket, bytes: Buffer): Buffer | null | Promise<Buffer | null>;
  inputEnded(): void;
  resized(size: TerminalSize, terminal: TerminalRequest | null): void;
  exited(ticket: SshTicket, exit: SessionExit): void;
  /** The session has a new plan. */
  planChanged(): void;
  /** The channel is over: no timer goes off any more. */
  close(): void;
}

/** What it needs. */
export interface ProgramIoParts {
  readonly gate: SshGate;
  readonly recording: { readonly maxBytes: number };
  record(eventJson: Buffer, isEvidence: boolean): void;
  /** Output that was held back and goes now. */
  release(stream: StreamName, bytes: Buffer): void;
  notice(text: string): void;
  now(): number;
}

/** Makes it for one session channel. */
export function createProgramIo(parts: ProgramIoParts): ProgramIo {
  const { gate, now } = parts;
  const streams = new Map<StreamName, OutputStream>();
  let isTerminal = false;
  let columns = 80;
  let stdinBytes = 0;
  const typing = createTerminalInput({
    ...{ gate, now, notice: parts.notice },
    record: (eventJson) => parts.record(eventJson, false),
  });
  const note = (event: ChannelEvent) => parts.record(Buffer.from(JSON.stringify(event)), false);
  let program: SshTicket | undefined;
  const types = (ticket: SshTicket) => gate.masks(ticket, isTerminal ? 'terminal' : 'exec');
  const streamOf = (ticket: SshTicket, stream: StreamName): OutputStream => {
    program = ticket;
    const known = streams.get(stream);
    if (known !== undefined) return known;
    const made = createOutputStream(
      {
        ...{ stream, isTerminal, maxBytes: parts.recording.maxBytes, now },
        record: (eventJson) => parts.record(eventJson, true),
        release: (bytes) => parts.release(stream, bytes),
      },
      types(ticket),
    );
    made.resize(columns);
    streams.set(stream, made);
    return made;
  };

  return {
    output(ticket, stream, bytes) {
      if (isTerminal) typing.output(bytes);
      return streamOf(ticket, stream).push(bytes);
    },
    outputEnded: (_ticket, stream) => streams.get(stream)?.end() ?? null,
    input(ticket, bytes) {
      stdinBytes += bytes.length;
      if (!isTerminal) return bytes;
      streams.get('stdout')?.typed();
      return typing.input(ticket, bytes);
    },
    inputEnded: () => undefined,
    resized(size, terminal) {
      columns = size.columns;
      for (const stream of streams.values()) stream.resize(columns);
      const { rows } = size;
      if (terminal === null) return note({ event: 'resize', atMs: now(), columns, rows });
      isTerminal = true;
      note({ event: 'terminal', atMs: now(), term: terminal.term, columns, rows });
    },
    exited(ticket, { status, signal }) {
      const [stdout, stderr] = [streams.get('stdout'), streams.get('stderr')];
      note({
        ...{ event: 'exit', atMs: now(), statement: ticket.number },
        ...{ status, signal: signal?.signal ?? null, durationMs: now() - ticket.startedAtMs },
        ...{ stdinBytes, stdoutBytes: stdout?.bytes ?? 0, stderrBytes: stderr?.bytes ?? 0 },
        ...{ stdoutSha256: stdout?.sha256() ?? null, stderrSha256: stderr?.sha256() ?? null },
        isWhole: (stdout?.isWhole ?? true) && (stderr?.isWhole ?? true),
      });
    },
    planChanged() {
      if (program === undefined) return;
      for (const [name, stream] of streams) {
        const held = stream.remask(types(program));
        if (held !== null) parts.release(name, held);
      }
    },
    close() {
      for (const stream of streams.values()) stream.end();
    },
  };
}
