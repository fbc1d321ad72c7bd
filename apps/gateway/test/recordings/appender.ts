/** A process that appends until it is killed and prints each entry once it was told that it is durable. */
import { closeSync, fdatasync, writeSync } from 'node:fs';
import { createJournal } from '../../src/recordings/index.ts';
import { createFileAnchorStore, createTestLog, noteJson, testKeys } from './evidence.ts';

const [dir = '', prefix = 's', mode = 'sync'] = process.argv.slice(2);
const say = (line: string): void => void writeSync(1, `${line}\n`);

const journal = await createJournal({
  dir,
  ...testKeys,
  anchors: createFileAnchorStore(dir),
  now: Date.now,
  log: createTestLog(),
  segmentBytes: 64 * 1024,
  cutBytes: 6 * 1024,
  cutAfterMs: 60,
  // The mutant: durable is claimed without fdatasync.
  sync: mode === 'no-sync' ? (_, callback) => setImmediate(callback, null) : fdatasync,
}).catch((error: unknown) => {
  say(`failed ${String(error)}`);
  process.exit(3);
});
journal.onBroken((error) => {
  say(`broken ${error.message}`);
  try {
    journal.append(`${prefix}-late`, 1, 1, noteJson(`${prefix}-late`, 1, 1));
    say('appended');
  } catch (refused) {
    say(`refused ${(refused as { code?: string }).code} durable ${journal.durable}`);
  }
  closeSync(1);
  process.exit(0);
});
say('ready');

/** One session after the other on each lane; each entry follows the acknowledgement of the one before. */
function runLane(lane: number, generation: number): void {
  const session = `${prefix}-${lane}-${generation}`;
  const opened = journal.note(session, {
    event: 'session-opened',
    atMs: 1,
    principal: 'p',
    connection: 'c',
    agent: 'a',
    clientAddress: '',
    via: 'native',
  });
  const next = (channel: number, sequence: number): void => {
    if (sequence > 25) {
      journal.note(session, { event: 'session-closed', atMs: 2, reason: 'done' });
      void journal.sessionEnded(session).then(() => say(`ended ${session}`));
      runLane(lane, generation + 1);
      return;
    }
    const padding = (sequence * 997 + lane * 131) % 1500;
    const position = journal.append(session, channel, sequence, noteJson(session, channel, sequence, padding));
    journal.whenDurable(position, () => {
      say(`durable ${session} ${channel} ${sequence}`);
      next(channel, sequence + 1);
    });
  };
  journal.whenDurable(opened, () => {
    say(`durable ${session} 0 1`);
    next(1 + (generation % 3), 1);
  });
}
for (let lane = 0; lane < 4; lane += 1) runLane(lane, 0);
