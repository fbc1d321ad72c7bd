export { createConnectionEngine } from './connection-engine.ts';
export * from './connection-host.ts';
export {
  encodeDataHead,
  encodeExtendedDataHead,
  encodeGlobalRequest,
  encodeMessage,
  encodeRequest,
} from './encode-message.ts';
export { FieldReader } from './field-reader.ts';
export { FieldWriter } from './field-writer.ts';
export * from './file-host.ts';
export { createForwardEngine } from './forward-engine.ts';
export * from './forward-host.ts';
export * from './message-number.ts';
export { createMessageReader, type MessageReader, maxMessageBytes } from './message-reader.ts';
export * from './messages.ts';
export { createSessionEngine } from './session-engine.ts';
export * from './session-host.ts';
export * from './ssh-request.ts';
