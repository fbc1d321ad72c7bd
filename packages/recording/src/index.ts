export type { RecordingAnchor } from './anchor.ts';
export type { RecordingBytes } from './byte-source.ts';
export { RecordingDamage } from './damage.ts';
export { encodeInput, encodeOutput, maxStreamEventBytes, streamBytesOf } from './encode-stream.ts';
export { entryHeadBytes, type RawEntry, readEntries, readEntryAt, toRecordEntry, writeEntry } from './entry-codec.ts';
export * from './event.ts';
export { maxChunkClearBytes, maxEventBytes, type RecordingHeader } from './format.ts';
export { sessionPattern } from './header-parse.ts';
export { type Inspection, inspectRecording, type RecordingState } from './inspect.ts';
export { readRawRecording, readRecording, toNdjson } from './read.ts';
export * from './ssh-event.ts';
export { type Verification, type VerifyOptions, verifyRecording } from './verify.ts';
export { type AnchorCheck, type VerifyAnchorsInput, verifyAgainstAnchors } from './verify-anchors.ts';
export {
  createRecordingWriter,
  publicKeyOf,
  type RecordingWriter,
  type RecordingWriterOptions,
  resumeRecordingWriter,
} from './writer.ts';
