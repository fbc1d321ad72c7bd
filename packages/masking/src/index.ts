export * from './cell-mask.ts';
export { createDetector, type Detector, detect } from './detect/detect.ts';
export { createDetectMask, type DetectMaskOptions } from './detect/detect-mask.ts';
export { type DetectableType, detectableTypes, type Span } from './detect/span.ts';
export {
  type ErrorFields,
  type ErrorRedaction,
  redactErrorFields,
  redactedUserText,
} from './errors/redact-error-fields.ts';
export { type MaskedColumn, type MaskLikeness, maskLikeness, needsMemory } from './postgres/mask-likeness.ts';
export { createPostgresCellMask, type PostgresCellMaskOptions } from './postgres/postgres-cell-mask.ts';
export { plainText, valueText } from './postgres/value-text.ts';
export { createStreamMask } from './stream/stream-mask.ts';
export * from './stream/stream-mask-port.ts';
export { createInputReader } from './terminal/input-reader.ts';
export type { InputEvent, InputReader } from './terminal/input-reader-port.ts';
