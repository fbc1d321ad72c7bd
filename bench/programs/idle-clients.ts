import { openRawSession } from './raw-session.ts';

/** Opens connections and keeps them: `idle-clients.ts DSN COUNT` prints a line when all are signed in, and stays. */
const dsn = process.argv[2] ?? '';
const count = Number(process.argv[3]);
/** Sign-ins at a time: more would only wait for each other. */
const atOnce = 8;

let opened = 0;
async function openSome(): Promise<void> {
  while (opened < count) {
    opened++;
    const { socket } = await openRawSession(dsn);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      process.stderr.write('a connection was closed\n');
      process.exit(1);
    });
    socket.resume();
  }
}

await Promise.all(Array.from({ length: atOnce }, openSome));
process.stdout.write('open\n');
setInterval(() => undefined, 60_000);
