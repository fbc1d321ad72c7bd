import { encodeNoticeResponse, encodeNotificationResponse } from './encode-backend.ts';
import type { EngineState } from './engine-state.ts';
import { errorFields, parseParameterStatus, tryErrorFields, unreadableError } from './error-fields.ts';
import { MessageReader } from './message-reader.ts';

/** NoticeResponse: through the host, in the name of the running statement. */
export function notice(state: EngineState, buffer: Buffer, start: number, end: number): void {
  const { host, queue } = state;
  const entry = queue.head();
  if (entry?.own) return;
  const fields = tryErrorFields(buffer, start, end) ?? {
    ...unreadableError,
    S: 'NOTICE',
    V: 'NOTICE',
    M: 'the target sent a notice that cannot be read',
  };
  state.sendToClient(encodeNoticeResponse(host.redact(entry?.ticket ?? null, 'notice', fields)));
}

/** ParameterStatus, allowed at any time. */
export function parameterStatus(state: EngineState, buffer: Buffer, frameStart: number, end: number): void {
  const { name, value } = parseParameterStatus(buffer, frameStart + 5, end);
  const problem = refusedParameter(name, value);
  if (problem !== null) {
    state.fail(errorFields('0A000', problem, 'Leave this setting as it is on connections through this gate.'));
    return;
  }
  state.host.parameterStatus(name, value);
  state.toClient.relay(buffer, frameStart, end);
}

/** NotificationResponse: through the host. */
export function notification(state: EngineState, buffer: Buffer, start: number, end: number): void {
  const reader = new MessageReader(buffer, start, end);
  const processId = reader.int32();
  const channel = reader.cstring('utf8');
  const payload = state.host.notification(channel, reader.cstring('utf8'));
  reader.finish();
  if (payload !== null) state.sendToClient(encodeNotificationResponse(processId, channel, payload));
}

/** Statements are judged as UTF-8 text with standard strings; a session that reads them otherwise cannot go on. */
export function refusedParameter(name: string, value: string): string | null {
  if (name === 'client_encoding' && value.toUpperCase() !== 'UTF8')
    return `client_encoding was changed to ${value}; only UTF8 is supported`;
  if (name === 'standard_conforming_strings' && value !== 'on') return 'standard_conforming_strings was switched off';
  return null;
}
