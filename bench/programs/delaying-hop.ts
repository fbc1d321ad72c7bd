import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP relay with a delay and no limit of bandwidth: `delaying-hop.ts PORT MS` holds each byte MS on its way, in both directions. */
const to = Number(process.argv[2]);
const delayMs = Number(process.argv[3]);
/** Bytes that wait for a receiver who does not take them, before the sender is told to wait. */
const maxWaiting = 64 * 1024 * 1024;

function relay(from: Socket, into: Socket): void {
  const late: { readonly dueMs: number; readonly pass: () => void }[] = [];
  let isScheduled = false;
  const schedule = (ms: number) => {
    isScheduled = true;
    setTimeout(passDue, ms);
  };
  const passDue = () => {
    isScheduled = false;
    const now = performance.now();
    // A timer may fire up to a millisecond early.
    while (late[0] !== undefined && late[0].dueMs <= now + 0.5) late.shift()?.pass();
    if (late[0] !== undefined) schedule(late[0].dueMs - now);
  };
  const later = (pass: () => void) => {
    late.push({ dueMs: performance.now() + delayMs, pass });
    if (!isScheduled) schedule(delayMs);
  };
  from.on('data', (chunk: Buffer) => {
    later(() => {
      into.write(chunk);
      if (into.writableLength > maxWaiting) from.pause();
    });
  });
  into.on('drain', () => from.resume());
  from.on('end', () => later(() => into.end()));
  from.on('error', () => later(() => into.destroy()));
  from.on('close', () => later(() => into.destroy()));
}

const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const target = connect({ host: '127.0.0.1', port: to, noDelay: true, allowHalfOpen: true });
  relay(client, target);
  relay(target, client);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
