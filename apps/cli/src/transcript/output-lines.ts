import { StringDecoder } from 'node:string_decoder';
import { plainText } from '@weir/recording';
import { visible } from '../terminal/visible.ts';

/** Puts the pieces of recorded output together to lines, by channel and stream. */
export interface OutputLines {
  /** The lines that have ended. */
  of(channel: number, stream: 'stdout' | 'stderr', bytes: Buffer): string[];
  /** What has not ended in this channel. */
  end(channel: number): string[];
  /** Channels with output that has not ended. */
  channels(): number[];
}

interface Open {
  readonly channel: number;
  readonly mark: string;
  readonly decoder: StringDecoder;
  rest: string;
}

/** Longest line that is waited for, characters. */
const maxLine = 65_536;

/** Starts without output. `plain` leaves control sequences away, `visible` spells them out. */
export function createOutputLines(how: 'visible' | 'plain'): OutputLines {
  const all = new Map<string, Open>();
  const openOf = (channel: number, stream: 'stdout' | 'stderr'): Open => {
    const key = `${channel} ${stream}`;
    const open = all.get(key) ?? {
      ...{ channel, mark: stream === 'stdout' ? '| ' : '! ', decoder: new StringDecoder('utf8'), rest: '' },
    };
    all.set(key, open);
    return open;
  };
  const shown = (open: Open, text: string): string => {
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    return open.mark + (how === 'plain' ? visible(plainText(line)) : visible(line));
  };
  return {
    of: (channel, stream, bytes) => {
      const open = openOf(channel, stream);
      const lines = (open.rest + open.decoder.write(bytes)).split('\n');
      open.rest = lines.pop() ?? '';
      if (open.rest.length > maxLine) {
        lines.push(open.rest);
        open.rest = '';
      }
      return lines.map((line) => shown(open, line));
    },
    end: (channel) => {
      const lines: string[] = [];
      for (const open of all.values()) {
        if (open.channel !== channel || open.rest === '') continue;
        lines.push(shown(open, open.rest));
        open.rest = '';
      }
      return lines;
    },
    channels: () => [...new Set([...all.values()].filter(({ rest }) => rest !== '').map(({ channel }) => channel))],
  };
}
