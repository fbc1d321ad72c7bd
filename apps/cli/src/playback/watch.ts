import type { ApiClient, SessionEventLine } from '@weir/api';
import { isWeirError } from '@weir/errors';
import { createTerminalFrames, type TerminalFrames } from '@weir/recording';
import type { Cli } from '../cli.ts';
import { note, printJson, printLine } from '../terminal/output.ts';
import { createTranscript } from '../transcript/transcript.ts';
import { entryOf } from './recorded-entries.ts';
import { isQuit, openScreen, type Screen } from './screen.ts';

/** The gateway ends a watch that is silent for 30 seconds. */
const keepIntervalMs = 10_000;
/** Reason of the last line when all is well. */
const sessionEnded = 'the session has ended';

/** Shows a session while it happens: its terminal on a terminal, a transcript elsewhere, NDJSON with `json`. @returns the exit status. */
export async function watch(
  cli: Cli,
  api: ApiClient,
  id: string,
  options: { readonly json: boolean },
): Promise<number> {
  const abort = new AbortController();
  const view = options.json
    ? { of: (line: SessionEventLine) => printJson(cli, line), leave: () => undefined }
    : createLiveView(cli, () => abort.abort());
  cli.onSignal = () => abort.abort();
  let hasFailed = false;
  const timer = setInterval(() => {
    api.keepWatching(id).then(
      () => {
        hasFailed = false;
      },
      (error: unknown) => {
        if (!isWeirError(error)) throw error;
        if (!hasFailed) note(cli, `The gateway did not hear that you still watch: ${error.message}`);
        hasFailed = true;
      },
    );
  }, keepIntervalMs);
  let reason: string | undefined;
  try {
    for await (const line of api.watchSession(id, abort.signal)) {
      if (line.sequence === 0) reason = String(line.event['message']);
      else view.of(line);
    }
  } finally {
    clearInterval(timer);
    cli.onSignal = undefined;
    view.leave();
  }
  note(cli, reason === undefined ? 'You do not watch any more.' : `The watch is over: ${reason}.`);
  return reason === undefined || reason === sessionEnded ? 0 : 5;
}

interface LiveView {
  of(line: SessionEventLine): void;
  leave(): void;
}

/** Lines of a transcript; from a terminal's beginning to its end, on a terminal, that terminal itself. */
function createLiveView(cli: Cli, quit: () => void): LiveView {
  const transcript = createTranscript();
  let screen: Screen | undefined;
  let frames: TerminalFrames | undefined;
  const leave = (): void => {
    screen?.leave();
    screen = undefined;
    frames = undefined;
  };
  return {
    of: (line) => {
      const entry = entryOf(line);
      if (entry?.event.event === 'terminal' && cli.stdout.isTTY === true && frames === undefined) {
        const { columns, rows } = entry.event;
        frames = createTerminalFrames(line.channel);
        screen = openScreen(cli, (key) => {
          if (isQuit(key)) quit();
        });
        screen.say(`${columns} x ${rows}, live. q leaves.`);
      }
      if (frames === undefined) {
        for (const text of transcript.of(line)) printLine(cli, text);
        return;
      }
      if (entry === undefined) return;
      for (const frame of frames.of(entry)) {
        if (frame.frame === 'output') screen?.show(frame.text);
        if (frame.frame === 'note') screen?.say(frame.text);
      }
      const isEnd = entry.event.event === 'exit' || entry.event.event === 'channel-closed';
      if (isEnd && entry.channel === frames.channel) leave();
    },
    leave: () => {
      leave();
      for (const text of transcript.end()) printLine(cli, text);
    },
  };
}
