import { catalogue, type WeirError } from '@weir/errors';

/**
 * An ErrorResponse of severity FATAL (PostgreSQL protocol, "Message Formats" and "Error and Notice Message Fields"). This one message is all of the
 * protocol that the CLI writes: what a client must know when the way to the gateway is gone, and with it everybody else who could say it.
 */
export function fatalMessage(error: WeirError): Buffer {
  const fields: readonly (readonly [code: string, text: string | undefined])[] = [
    ['S', 'FATAL'],
    ['V', 'FATAL'],
    ['C', catalogue[error.code].sqlstate],
    ['M', error.message],
    ['D', error.why],
    ['H', error.fix],
  ];
  const body = fields.map(([code, text]) => (text ? `${code}${text.replaceAll('\u0000', '')}\u0000` : '')).join('');
  const content = Buffer.from(`${body}\u0000`, 'utf8');
  const head = Buffer.alloc(5);
  head.write('E', 'latin1');
  head.writeUInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}
