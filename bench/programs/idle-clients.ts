import { openRawSession } from './raw-session.ts';

/** Opens connections and keeps them: `idle-clients.ts DSN COUNT` prints a line when all are signed in, and stays. */
const dsn = process.argv[2] ?? '';
const count = Number(process.argv[3]);

for (let opened = 0; opened < count; opened++) {
  const { socket } = await openRawSession(dsn);
  socket.on('error', () => undefined);
  socket.on('close', () => {
    process.stderr.write('a connection was closed\n');
    process.exit(1);
  });
  socket.resume();
}
process.stdout.write('open\n');
setInterval(() => undefined, 60_000);
