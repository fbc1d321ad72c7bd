import { openRawSession } from './raw-session.ts';

/**
 * Reads one result as fast as bytes come, without parsing: `read-result.ts DSN SQL` prints `{bytes, ms}`, from sending the query to the last byte of
 * ReadyForQuery.
 */
const [dsn = '', sql = ''] = process.argv.slice(2);
const readyForQuery = Buffer.from('Z\0\0\0\x05I', 'latin1');

const session = await openRawSession(dsn);
const startedMs = performance.now();
let bytes = 0;
let tail: Buffer = Buffer.alloc(0);
const fail = (why: string): never => {
  process.stderr.write(`${why}\n`);
  process.exit(1);
};
session.socket.on('data', (chunk: Buffer) => {
  if (bytes === 0 && chunk[0] !== 0x54) fail(`no row description came: ${chunk.toString('latin1').slice(0, 400)}`);
  bytes += chunk.length;
  tail = chunk.length >= 6 ? chunk.subarray(-6) : Buffer.concat([tail, chunk]).subarray(-6);
  if (!tail.equals(readyForQuery)) return;
  process.stdout.write(`${JSON.stringify({ bytes, ms: performance.now() - startedMs })}\n`, () => process.exit(0));
});
session.socket.on('close', () => fail('the connection ended before the result'));
session.send(sql);
