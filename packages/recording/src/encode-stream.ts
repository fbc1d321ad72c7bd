import { isUtf8 } from 'node:buffer';
import type { InputTyped, OutputShown, StreamBytes } from './ssh-event.ts';

/** Most bytes of one `output` or `input` event; with every byte escaped its JSON stays below the bound of events. */
export const maxStreamEventBytes = 1024 * 1024;

/**
 * One `output` event as JSON bytes. Bytes that are whole UTF-8 characters are written as text, others as base64.
 * @throws RangeError for more than {@link maxStreamEventBytes}.
 */
export function encodeOutput(atMs: number, stream: OutputShown['stream'], bytes: Uint8Array): Buffer {
  return Buffer.from(`{"event":"output","atMs":${atMs},"stream":"${stream}",${streamField(bytes)}}`);
}

/**
 * One `input` event as JSON bytes; `hiddenBytes`: how many bytes were typed without an echo and are left out.
 * @throws RangeError as {@link encodeOutput}.
 */
export function encodeInput(atMs: number, bytes: Uint8Array, hiddenBytes = 0): Buffer {
  const hidden = hiddenBytes === 0 ? '' : `"hiddenBytes":${hiddenBytes},`;
  return Buffer.from(`{"event":"input","atMs":${atMs},${hidden}${streamField(bytes)}}`);
}

function streamField(bytes: Uint8Array): string {
  if (bytes.length > maxStreamEventBytes) throw new RangeError(`a stream event of ${bytes.length} bytes`);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Text is smaller in the recording than base64 and can be searched. A character that the chunk cuts in two would be lost as text.
  return isUtf8(view) ? `"text":${JSON.stringify(view.toString('utf8'))}` : `"base64":"${view.toString('base64')}"`;
}

/** The bytes of an `output` or `input` event. */
export function streamBytesOf(event: OutputShown | InputTyped): Buffer {
  return event.text === undefined
    ? Buffer.from((event as StreamBytes).base64 ?? '', 'base64')
    : Buffer.from(event.text);
}
