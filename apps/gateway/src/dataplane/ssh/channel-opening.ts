import type { SshOpen } from '@weir/proto';
import { FieldReader, FieldWriter, type IncomingChannel, messageNumber } from '@weir/wire-ssh';
import { maxPacketBytes, windowBytes } from './client-input.ts';

/** A CHANNEL_OPEN of a client. */
export interface ChannelOpening {
  readonly sender: number;
  readonly window: number;
  readonly maxPacketBytes: number;
  /** What the OPEN frame says of it; null = this type is not known here. */
  readonly wish: Pick<SshOpen['ssh'], 'type' | 'destination' | 'origin'> | null;
  /** As the client named it. */
  readonly type: string;
}

/** Reads a CHANNEL_OPEN (RFC 4254, sections 5.1 and 7.2; OpenSSH PROTOCOL, section 2.4). @throws WeirError protocol_violation. */
export function readChannelOpening(payload: Buffer): ChannelOpening {
  const fields = new FieldReader(payload, 1);
  const type = fields.text();
  const sender = fields.uint32();
  const window = fields.uint32();
  const packet = fields.uint32();
  return { type, sender, window, maxPacketBytes: packet, wish: readWish(type, fields) };
}

function readWish(type: string, fields: FieldReader): ChannelOpening['wish'] {
  switch (type) {
    case 'session':
      return { type };
    case 'direct-tcpip': {
      const destination = { host: fields.text(), port: fields.uint32() };
      const origin = { host: fields.text(), port: fields.uint32() };
      return { type, destination, origin };
    }
    case 'direct-streamlocal@openssh.com':
      return { type, destination: { path: fields.text() } };
    default:
      return null;
  }
}

/** CHANNEL_OPEN for a channel that the target opens. */
export function channelOpeningMessage(channel: IncomingChannel, own: number): Buffer {
  const fields = new FieldWriter(128)
    .byte(messageNumber.channelOpen)
    .text(channel.type)
    .uint32(own)
    .uint32(windowBytes)
    .uint32(maxPacketBytes);
  switch (channel.type) {
    case 'forwarded-tcpip':
      fields.text(channel.listener.host).uint32(channel.listener.port);
      fields.text(channel.origin.host).uint32(channel.origin.port);
      break;
    case 'forwarded-streamlocal@openssh.com':
      fields.text(channel.path).text('');
      break;
    case 'x11':
      fields.text(channel.origin.host).uint32(channel.origin.port);
      break;
    case 'auth-agent@openssh.com':
      break;
  }
  return fields.take().subarray(4);
}
