import {
  type ChannelEvent,
  type FileTouched,
  type InputTyped,
  type SessionEvent,
  type StatementExited,
  streamBytesOf,
} from '@weir/recording';
import { visible } from '../terminal/visible.ts';
import type { LooseEvent } from './event-fields.ts';

/** What kind of channel an SSH client has opened, behind `client connected`; empty for other protocols. */
export function channelText({ ssh }: LooseEvent): string {
  if (typeof ssh !== 'object' || ssh === null) return '';
  const { type, connection, hostKey } = ssh as { type?: unknown; connection?: unknown; hostKey?: unknown };
  const key = typeof hostKey === 'string' ? `, host key ${visible(hostKey)}` : '';
  return `, channel ${visible(String(type))} of connection ${visible(String(connection))}${key}`;
}

/** Lines of an event of SSH channels other than output; undefined when it is another. */
export function sshLines(event: ChannelEvent | SessionEvent | undefined): string[] | undefined {
  switch (event?.event) {
    case 'terminal':
      return [`terminal ${visible(event.term)}, ${event.columns} x ${event.rows}`];
    case 'resize':
      return [`terminal is ${event.columns} x ${event.rows} now`];
    case 'input':
      return [inputText(event)];
    case 'exit':
      return exitLines(event);
    case 'file':
      return [fileText(event)];
    case 'forward': {
      const { statement, destination, bytesUp, bytesDown } = event;
      return [`#${statement} -> ${visible(destination)} closed: ${bytesUp} bytes up, ${bytesDown} bytes down`];
    }
    default:
      return undefined;
  }
}

function inputText(event: InputTyped): string {
  const hidden = event.hiddenBytes ?? 0;
  const typed = visible(streamBytesOf(event).toString('utf8'));
  if (hidden === 0) return `typed: ${typed}`;
  return `typed: ${typed === '' ? '' : `${typed} and `}${hidden} bytes without an echo, which are not kept`;
}

function exitLines(event: StatementExited): string[] {
  const { statement, status, signal, durationMs, stdinBytes, stdoutBytes, stderrBytes, isWhole } = event;
  const end = signal === null ? `exit status ${status ?? 'unknown'}` : `ended by the signal ${visible(signal)}`;
  const bytes = `${stdinBytes} bytes in, ${stdoutBytes} out, ${stderrBytes} err`;
  const lines = [`#${statement} -> ${end}, ${durationMs.toFixed(1)} ms, ${bytes}`];
  if (isWhole) return lines;
  lines.push('  not all of its output was recorded');
  if (event.stdoutSha256 !== null) lines.push(`  SHA-256 of all of stdout: ${event.stdoutSha256}`);
  if (event.stderrSha256 !== null) lines.push(`  SHA-256 of all of stderr: ${event.stderrSha256}`);
  return lines;
}

function fileText(event: FileTouched): string {
  const { statement, operation, path, to, bytes, sha256, isWhole, error } = event;
  const what = `#${statement} -> ${visible(operation)} ${visible(path)}${to === null ? '' : ` to ${visible(to)}`}`;
  if (error !== null) return `${what} failed: ${visible(error)}`;
  const hash = sha256 === null ? '' : `, SHA-256 ${sha256}`;
  return bytes === 0 && sha256 === null ? what : `${what}: ${bytes} bytes${hash}${isWhole ? '' : ', not all of it'}`;
}
