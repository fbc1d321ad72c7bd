import { WeirError } from '@weir/errors';
import { createTerminalFrames, type RecordEntry, type TerminalFrame } from '@weir/recording';
import type { Cli } from '../cli.ts';
import { note } from '../terminal/output.ts';
import { createPlayingClock } from './playing-clock.ts';
import { isQuit, openScreen } from './screen.ts';

/** How to replay. */
export interface ReplayOptions {
  /** Channel of the terminal; the first one when absent. */
  readonly channel?: number | undefined;
  /** 2 = twice as fast. */
  readonly speed: number;
  /** Longest pause between two outputs, milliseconds, after `speed`. */
  readonly maxIdleMs: number;
  /** Write to what is no terminal, too: the output as it is, without pauses. */
  readonly raw: boolean;
}

/**
 * Plays a recorded terminal in this one; space pauses, q leaves.
 * @throws WeirError invalid_request (no terminal here), not_found (none was recorded).
 */
export async function replay(cli: Cli, entries: AsyncIterable<RecordEntry>, options: ReplayOptions): Promise<void> {
  const frames = framesOf(entries, options.channel);
  if (cli.stdout.isTTY === true) return playOnScreen(cli, frames, options);
  if (!options.raw) {
    throw new WeirError('invalid_request', 'A replay needs a terminal.', {
      why: 'Standard output is a pipe or a file.',
      fix: 'Run it in a terminal, add --raw for the output as it is, or use: weir sessions export ID --format text',
    });
  }
  for await (const frame of frames) if (frame.frame === 'output') cli.stdout.write(frame.text);
}

async function playOnScreen(cli: Cli, frames: AsyncGenerator<TerminalFrame>, options: ReplayOptions): Promise<void> {
  const first = await frames.next();
  if (first.done === true) return;
  const clock = createPlayingClock(() => performance.now());
  const screen = openScreen(cli, (key) => {
    if (isQuit(key)) clock.quit();
    else if (key === ' ') clock.togglePause();
  });
  cli.onSignal = () => clock.quit();
  let end = 'The recording ends here.';
  try {
    let lastMs = first.value.atMs;
    for await (const frame of frames) {
      const gapMs = (frame.atMs - lastMs) / options.speed;
      lastMs = frame.atMs;
      if (!(await clock.advance(Math.min(gapMs, options.maxIdleMs)))) return;
      if (frame.frame === 'output') screen.show(frame.text);
      if (frame.frame === 'note') screen.say(frame.text);
      if (frame.frame === 'exit') end = exitText(frame);
    }
  } finally {
    cli.onSignal = undefined;
    screen.leave();
  }
  note(cli, end);
}

function exitText({ status, signal }: TerminalFrame & { frame: 'exit' }): string {
  return signal === null
    ? `It ended with exit status ${status ?? 'unknown'}.`
    : `It was ended by the signal ${signal}.`;
}

async function* framesOf(
  entries: AsyncIterable<RecordEntry>,
  channel: number | undefined,
): AsyncGenerator<TerminalFrame> {
  const frames = createTerminalFrames(channel);
  for await (const entry of entries) yield* frames.of(entry);
  if (frames.channel !== undefined) return;
  throw new WeirError(
    'not_found',
    channel === undefined ? 'The session has no terminal.' : `The channel ${channel} of the session has no terminal.`,
    { fix: 'Read what happened: weir sessions play ID' },
  );
}
