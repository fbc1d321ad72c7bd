import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A plain TCP relay that looks at nothing: `tcp-hop.ts PORT` relays to 127.0.0.1:PORT and prints its own port. */
const to = Number(process.argv[2]);

const relay = (from: Socket, into: Socket) => {
  from.on('data', (chunk: Buffer) => {
    if (!into.write(chunk)) from.pause();
  });
  into.on('drain', () => from.resume());
  from.on('end', () => into.end());
  from.on('error', () => into.destroy());
  from.on('close', () => into.destroy());
};

const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const target = connect({ host: '127.0.0.1', port: to, noDelay: true, allowHalfOpen: true });
  relay(client, target);
  relay(target, client);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
