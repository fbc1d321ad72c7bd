import { WeirError } from '@weir/errors';
import type { Journal } from './ports.ts';

/** What leaves the gate. */
export interface EvidenceGateEnds {
  /** An answer whose records are durable. */
  deliver(data: Buffer): void;
  /** The end of the answers, after the last of them. */
  finished(): void;
  /** The evidence of this channel cannot be kept, or the agent broke its numbering: nothing more may be delivered. */
  broken(error: WeirError): void;
  counted(counts: { statements: number; denied: number }): void;
}

/** Evidence before answer (D2): holds the answers of one channel until the journal has passed the records that they depend on. */
export interface EvidenceGate {
  /** A record frame; numbers count from 1 without gaps. */
  record(eventJson: Buffer, sequence: number): void;
  answer(data: Buffer, dependsOn: number): void;
  end(): void;
}

const statementPrefix = Buffer.from('{"event":"statement"');
/** Records that no answer waits for: outcomes, and what the client itself said. */
const quietPrefixes = ['result', 'input', 'resize', 'exit', 'file', 'forward'].map((name) =>
  Buffer.from(`{"event":"${name}"`),
);
const deniedMark = Buffer.from('"action":"deny"');

/** Creates the gate of one channel. Answers that wait are in order; the channel's credit bounds them. */
export function createEvidenceGate(
  journal: Journal,
  session: string,
  channel: number,
  ends: EvidenceGateEnds,
): EvidenceGate {
  const waiting: { readonly data: Buffer | null; readonly position: number }[] = [];
  let lastSequence = 0;
  /** Journal positions of the records that may not be durable yet, by sequence from `firstKept` on. */
  const positions: number[] = [];
  let firstKept = 1;
  let isBroken = false;
  let isAsked = false;

  const release = () => {
    isAsked = false;
    let count = 0;
    for (const { data, position } of waiting) {
      if (position > journal.durable) break;
      count += 1;
      if (data === null) ends.finished();
      else ends.deliver(data);
    }
    waiting.splice(0, count);
    ask();
  };
  const ask = () => {
    const first = waiting[0];
    if (first === undefined || isAsked || isBroken) return;
    isAsked = true;
    journal.whenDurable(first.position, release);
  };
  const positionOf = (sequence: number): number => {
    while (positions.length > 0 && (positions[0] as number) <= journal.durable) {
      positions.shift();
      firstKept += 1;
    }
    return sequence < firstKept ? 0 : (positions[sequence - firstKept] as number);
  };
  const hold = (data: Buffer | null, dependsOn: number) => {
    if (isBroken) return;
    const position = positionOf(dependsOn);
    if (waiting.length === 0 && position <= journal.durable) {
      if (data === null) ends.finished();
      else ends.deliver(data);
      return;
    }
    waiting.push({ data, position });
    ask();
  };
  const fail = (error: WeirError) => {
    if (isBroken) return;
    isBroken = true;
    waiting.length = 0;
    ends.broken(error);
  };

  return {
    record(eventJson, sequence) {
      if (isBroken) return;
      if (sequence !== lastSequence + 1) {
        fail(new WeirError('evidence_broken', `the agent sent record ${sequence} after record ${lastSequence}`));
        return;
      }
      try {
        // It must not keep the next statement's, or the echo's, record from the disk.
        const isQuiet = quietPrefixes.some((prefix) => startsWith(eventJson, prefix));
        positions.push(journal.append(session, channel, sequence, eventJson, !isQuiet));
        lastSequence = sequence;
      } catch (cause) {
        fail(
          new WeirError('recording_unavailable', 'the session ends because its evidence cannot be stored', { cause }),
        );
        return;
      }
      if (startsWith(eventJson, statementPrefix)) {
        ends.counted({ statements: 1, denied: eventJson.includes(deniedMark) ? 1 : 0 });
      }
    },
    answer(data, dependsOn) {
      // An answer that names a record that never came is an answer without evidence.
      if (dependsOn > lastSequence)
        fail(
          new WeirError('evidence_broken', `the agent's answer depends on record ${dependsOn}, which it did not send`),
        );
      else hold(data, dependsOn);
    },
    end: () => hold(null, lastSequence),
  };
}

const startsWith = (bytes: Buffer, prefix: Buffer) =>
  bytes.length >= prefix.length && bytes.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
