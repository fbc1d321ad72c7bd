export type { RecordingAnchor } from './anchor.ts';
export { type AsciicastOptions, toAsciicast } from './asciicast.ts';
export type { RecordingBytes } from './byte-source.ts';
export { RecordingDamage } from './damage.ts';
export { encodeInput, encodeOutput, maxStreamEventBytes, streamBytesOf } from './encode-stream.ts';
export { entryHeadBytes, type RawEntry, readEntries, readEntryAt, toRecordEntry, writeEntry } from './entry-codec.ts';
export * from './event.ts';
export { tryEvent } from './event-parse.ts';
export { maxChunkClearBytes, maxEventBytes, type RecordingHeader } from './format.ts';
export { sessionPattern } from './header-parse.ts';
export { type Inspection, inspectRecording, type RecordingState } from './inspect.ts';
export { plainText } from './plain-text.ts';
export { readRawRecording, readRecording, toNdjson } from './read.ts';
export * from './ssh-event.ts';
export { createTerminalFrames, type TerminalFrame, type TerminalFrames } from './terminal-frames.ts';
export { type Verification, type VerifyOptions, verifyRecording } from './verify.ts';
export { type AnchorCheck, type VerifyAnchorsInput, verifyAgainstAnchors } from './verify-anchors.ts';
export {
  createRecordingWriter,
  publicKeyOf,
  type RecordingWriter,
  type RecordingWriterOptions,
  resumeRecordingWriter,
} from './writer.ts';
