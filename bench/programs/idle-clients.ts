import { openRawSession } from './raw-session.ts';

/** Opens connections and keeps them: `idle-clients.ts DSN COUNT` prints a line when all are signed in, and stays. */
const dsn = process.argv[2] ?? '';
const count = Number(process.argv[3]);

let next = 0;
const open = async () => {
  while (next++ < count) {
    const { socket } = await openRawSession(dsn);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      process.stderr.write('a connection was closed\n');
      process.exit(1);
    });
    socket.resume();
  }
};
await Promise.all(Array.from({ length: 8 }, open));
process.stdout.write('open\n');
setInterval(() => undefined, 60_000);
