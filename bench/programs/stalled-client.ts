import { openRawSession } from './raw-session.ts';

/** Asks for a result and reads nothing: `stalled-client.ts DSN SQL` prints a line when the query is sent, and stays. */
const [dsn = '', sql = ''] = process.argv.slice(2);

const session = await openRawSession(dsn);
session.socket.pause();
session.socket.on('error', () => undefined);
session.send(sql);
process.stdout.write('sent\n');
setInterval(() => undefined, 60_000);
