import type { FieldReader } from './field-reader.ts';
import type { FieldWriter } from './field-writer.ts';
import type { ChannelRequest, TerminalSize } from './messages.ts';

const readSize = (fields: FieldReader): TerminalSize => ({
  columns: fields.uint32(),
  rows: fields.uint32(),
  widthPixels: fields.uint32(),
  heightPixels: fields.uint32(),
});

function writeSize(fields: FieldWriter, size: TerminalSize): void {
  fields.uint32(size.columns).uint32(size.rows).uint32(size.widthPixels).uint32(size.heightPixels);
}

/** Reads the fields behind a channel request's type and want-reply. @throws WeirError protocol_violation */
export function readChannelRequest(type: string, fields: FieldReader): ChannelRequest {
  switch (type) {
    case 'pty-req': {
      const term = fields.text();
      const size = readSize(fields);
      return { name: type, term, ...size, modes: fields.bytes() };
    }
    case 'x11-req': {
      const isSingle = fields.boolean();
      const protocol = fields.text();
      const cookie = fields.text();
      return { name: type, isSingle, protocol, cookie, screen: fields.uint32() };
    }
    case 'env': {
      const variable = fields.text();
      return { name: type, variable, value: fields.text() };
    }
    case 'exec':
      return { name: type, command: fields.text() };
    case 'subsystem':
      return { name: type, subsystem: fields.text() };
    case 'window-change':
      return { name: type, ...readSize(fields) };
    case 'xon-xoff':
      return { name: type, isClientDoing: fields.boolean() };
    case 'signal':
      return { name: type, signal: fields.text() };
    case 'break':
      return { name: type, lengthMs: fields.uint32() };
    case 'exit-status':
      return { name: type, status: fields.uint32() };
    case 'exit-signal': {
      const signal = fields.text();
      const isCoreDumped = fields.boolean();
      const message = fields.text();
      fields.bytes(); // language
      return { name: type, signal, isCoreDumped, message };
    }
    case 'shell':
    case 'auth-agent-req@openssh.com':
    case 'eow@openssh.com':
      return { name: type };
    default:
      return { name: 'other', type, data: fields.rest() };
  }
}

/** Writes what readChannelRequest reads. */
export function writeChannelRequest(fields: FieldWriter, request: ChannelRequest): void {
  switch (request.name) {
    case 'pty-req':
      fields.text(request.term);
      writeSize(fields, request);
      fields.bytes(request.modes);
      break;
    case 'x11-req':
      fields.boolean(request.isSingle).text(request.protocol).text(request.cookie).uint32(request.screen);
      break;
    case 'env':
      fields.text(request.variable).text(request.value);
      break;
    case 'exec':
      fields.text(request.command);
      break;
    case 'subsystem':
      fields.text(request.subsystem);
      break;
    case 'window-change':
      writeSize(fields, request);
      break;
    case 'xon-xoff':
      fields.boolean(request.isClientDoing);
      break;
    case 'signal':
      fields.text(request.signal);
      break;
    case 'break':
      fields.uint32(request.lengthMs);
      break;
    case 'exit-status':
      fields.uint32(request.status);
      break;
    case 'exit-signal':
      fields.text(request.signal).boolean(request.isCoreDumped).text(request.message).text('');
      break;
    case 'other':
      fields.raw(request.data);
      break;
    default:
  }
}
