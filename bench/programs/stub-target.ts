import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A target that costs nothing: speaks PostgreSQL's start-up, trusts everybody, and answers no query with rows. Prints its port. */
const message = (type: string, body: Buffer) => {
  const head = Buffer.from(`${type}\0\0\0\0`, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const parameter = (name: string, value: string) => message('S', Buffer.from(`${name}\0${value}\0`));
const ready = message('Z', Buffer.from('I'));
const welcome = Buffer.concat([
  message('R', Buffer.alloc(4)),
  parameter('server_version', '15.0'),
  parameter('server_encoding', 'UTF8'),
  parameter('client_encoding', 'UTF8'),
  parameter('DateStyle', 'ISO, MDY'),
  parameter('TimeZone', 'UTC'),
  parameter('integer_datetimes', 'on'),
  parameter('standard_conforming_strings', 'on'),
  message('K', Buffer.from([0, 0, 0, 1, 0, 0, 0, 2])),
  ready,
]);
const empty = Buffer.concat([message('I', Buffer.alloc(0)), ready]);

function serve(socket: Socket): void {
  let isStarted = false;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    if (!isStarted) {
      isStarted = true;
      socket.write(welcome);
    } else if (chunk[0] === 0x58) socket.end();
    else socket.write(empty);
  });
}

const server = createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', 2_000, () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
