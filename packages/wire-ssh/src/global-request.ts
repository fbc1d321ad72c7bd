import { type FieldReader, violation } from './field-reader.ts';
import type { FieldWriter } from './field-writer.ts';
import type { Endpoint, GlobalRequest, IncomingChannel } from './messages.ts';

const readEndpoint = (fields: FieldReader): Endpoint => ({ host: fields.text(), port: fields.uint32() });

function writeEndpoint(fields: FieldWriter, { host, port }: Endpoint): void {
  fields.text(host).uint32(port);
}

/** Reads the fields behind a global request's type and want-reply. @throws WeirError protocol_violation */
export function readGlobalRequest(type: string, fields: FieldReader): GlobalRequest {
  switch (type) {
    case 'tcpip-forward':
    case 'cancel-tcpip-forward':
      return { name: type, ...readEndpoint(fields) };
    case 'streamlocal-forward@openssh.com':
    case 'cancel-streamlocal-forward@openssh.com':
      return { name: type, path: fields.text() };
    case 'keepalive@openssh.com':
    case 'no-more-sessions@openssh.com':
      return { name: type };
    default:
      return { name: 'other', type, data: fields.rest() };
  }
}

/** Writes what readGlobalRequest reads. */
export function writeGlobalRequest(fields: FieldWriter, request: GlobalRequest): void {
  if ('host' in request) writeEndpoint(fields, request);
  else if ('path' in request) fields.text(request.path);
  else if (request.name === 'other') fields.raw(request.data);
}

/** Reads the fields of a CHANNEL_OPEN of the target behind its type and number. @throws WeirError protocol_violation */
export function readIncomingChannel(type: string, fields: FieldReader): IncomingChannel {
  switch (type) {
    case 'forwarded-tcpip': {
      const listener = readEndpoint(fields);
      return { type, listener, origin: readEndpoint(fields) };
    }
    case 'forwarded-streamlocal@openssh.com': {
      const path = fields.text();
      fields.bytes(); // reserved
      return { type, path };
    }
    case 'x11':
      return { type, origin: readEndpoint(fields) };
    case 'auth-agent@openssh.com':
      return { type };
    default:
      throw violation(`a channel of the unknown type ${JSON.stringify(type.slice(0, 64))}`);
  }
}

/** Writes what readIncomingChannel reads. */
export function writeIncomingChannel(fields: FieldWriter, channel: IncomingChannel): void {
  switch (channel.type) {
    case 'forwarded-tcpip':
      writeEndpoint(fields, channel.listener);
      writeEndpoint(fields, channel.origin);
      break;
    case 'forwarded-streamlocal@openssh.com':
      fields.text(channel.path).text('');
      break;
    case 'x11':
      writeEndpoint(fields, channel.origin);
      break;
    default:
  }
}
