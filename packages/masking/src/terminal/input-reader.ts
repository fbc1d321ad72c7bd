import { createEchoScreen } from './echo-screen.ts';
import { asksForSecret } from './hidden-prompt.ts';
import type { InputEvent, InputReader } from './input-reader-port.ts';
import { createKeyReader, type Key } from './key-reader.ts';
import { createScreenSwitch } from './screen-switch.ts';
import { createTypedLine, type TypedLine, typeKey } from './typed-line.ts';

/** Lines that are entered before their echo has come; more are hidden. */
const maxWaitingLines = 256;

/** Lines of output that may come before the echo of a line that was typed ahead. */
const maxLineEndsAhead = 64;

/** See {@link InputReader}. */
export function createInputReader(): InputReader {
  const keys = createKeyReader();
  const screen = createEchoScreen();
  const screenSwitch = createScreenSwitch();
  /** Lines whose echo has not been seen to the end, oldest first; the last one is being typed. */
  let lines: TypedLine[] = [];
  let recordable: Buffer[] = [];
  let hiddenBytes = 0;

  function lineAtHand(events: InputEvent[]): TypedLine {
    const last = lines.at(-1);
    if (last !== undefined && !last.isEntered) return last;
    // What was answered and not echoed by now was hidden, or is not worth the doubt.
    while (lines[0]?.isAnswered === true) settle(lines.shift() as TypedLine, events);
    const line = createTypedLine();
    // The prompt is only known when everything before was answered.
    if (lines.length === 0 && asksForSecret(screen.prompt)) line.isHidden = true;
    lines.push(line);
    return line;
  }

  function enter(line: TypedLine, events: InputEvent[]): void {
    const isHidden = line.isHidden || line.isOverdue;
    const text = isHidden ? null : line.text;
    const isEchoed = !isHidden && line.awaited === '';
    events.push({ type: 'line', text, isCertain: line.isCertain && text !== null, isEchoed });
    line.isEntered = true;
    if (lines.length > 1) line.lineEnds = maxLineEndsAhead;
    if (lines.length > maxWaitingLines) hide(lines.shift() as TypedLine);
  }

  function hide(line: TypedLine): void {
    hiddenBytes += line.length;
  }

  function press(key: Key, events: InputEvent[]): void {
    const line = lineAtHand(events);
    const { isHidden } = line;
    typeKey(line, key);
    if (key.type === 'enter') {
      enter(line, events);
      return;
    }
    if (key.type === 'paste') {
      if (!isHidden) events.push({ type: 'paste', text: key.text, isWhole: key.isWhole });
      return;
    }
    if (
      key.type === 'interrupt' ||
      key.type === 'quit' ||
      key.type === 'suspend' ||
      (key.type === 'end' && line.text === '')
    ) {
      events.push({ type: 'signal', key: key.type });
      // What was typed is thrown away by the terminal.
      line.text = null;
      line.isEntered = true;
    }
  }

  /** The first line that waits may be echoed now. */
  function compare(): void {
    const line = lines[0];
    if (line === undefined || line.awaited === '' || line.isHidden) return;
    if (!screen.endsWith(line.awaited)) return;
    line.awaited = '';
    line.isOverdue = false;
  }

  /** The terminal goes to the next line: the first entered line is over, its echo was before this or never comes. */
  function close(events: InputEvent[]): void {
    const line = lines[0];
    if (line === undefined) return;
    if (!line.isEntered) {
      // Output in between; a paste of several lines is echoed with line ends of its own.
      return;
    }
    if (
      line.awaited.includes('\n') &&
      !line.isHidden &&
      screen.endsWith(line.awaited.slice(0, line.awaited.indexOf('\n')))
    ) {
      line.awaited = line.awaited.slice(line.awaited.indexOf('\n') + 1);
      return;
    }
    // Typed ahead: it is echoed again when the program before it has ended.
    if (line.awaited !== '' && !line.isHidden && line.lineEnds > 0) {
      line.lineEnds -= 1;
      return;
    }
    lines.shift();
    settle(line, events);
  }

  function settle(line: TypedLine, events: InputEvent[]): void {
    if (line.isHidden || line.awaited !== '') {
      hide(line);
      return;
    }
    recordable.push(...line.bytes);
    if (line.text !== null) events.push({ type: 'entered', text: line.text, isCertain: line.isCertain });
  }

  function follow(bytes: Buffer, events: InputEvent[]): void {
    if (bytes.length === 0) return;
    if (lines.length === 0) screen.skip(bytes);
    else screen.follow(bytes, compare, () => close(events));
  }

  function changeScreen(isOn: boolean, events: InputEvent[]): void {
    events.push({ type: 'full-screen', isOn });
    for (const line of lines) hide(line);
    lines = [];
  }

  return {
    get hiddenBytes() {
      return hiddenBytes;
    },
    get isFullScreen() {
      return screenSwitch.isOn;
    },
    input(bytes) {
      const events: InputEvent[] = [];
      const typed = keys.read(bytes);
      if (screenSwitch.isOn) {
        for (const key of typed) hiddenBytes += key.bytes.length;
        return events;
      }
      const last = lines.at(-1);
      if (last !== undefined && last.awaited !== '') last.isOverdue = true;
      for (const key of typed) press(key, events);
      return events;
    },
    output(bytes) {
      const events: InputEvent[] = [];
      let at = 0;
      for (const change of screenSwitch.follow(bytes)) {
        follow(bytes.subarray(at, change.at), events);
        changeScreen(change.isOn, events);
        at = change.at;
      }
      follow(bytes.subarray(at), events);
      for (const line of lines) if (line.isEntered) line.isAnswered = true;
      return events;
    },
    takeRecordable() {
      const taken = Buffer.concat(recordable);
      recordable = [];
      return taken;
    },
  };
}
