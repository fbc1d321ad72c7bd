import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ChannelRequest, createConnectionEngine, encodeGlobalRequest, type GlobalRequest } from '../src/index.ts';
import { sftpExtensions } from '../src/sftp/extensions.ts';
import { createSessionBench, linesOf } from './session-bench.ts';
import { createSftpBench } from './sftp-bench.ts';
import { answer, ask, packet } from './sftp-packets.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/protocols/ssh.md'), 'utf8');

/** What a table says is done with each name in its first column; types of packets come from the second one. */
function tableUnder(heading: string, head: string): Map<string, string> {
  const section = page.slice(page.indexOf(`## ${heading}`));
  const table = section.slice(section.indexOf(`| ${head} |`)).split('\n\n')[0] ?? '';
  const found = new Map<string, string>();
  for (const line of table.split('\n').slice(2)) {
    const [, names = '', second = '', third = ''] = line.split('|').map((cell) => cell.trim());
    const keys =
      head === 'packet' ? [second === '' ? names : second] : names.split(', ').map((name) => name.replaceAll('`', ''));
    for (const key of keys) found.set(key, head === 'packet' ? third : second);
  }
  return found;
}

const size = { columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
const requests: Record<string, ChannelRequest> = {
  shell: { name: 'shell' },
  exec: { name: 'exec', command: 'ls' },
  subsystem: { name: 'subsystem', subsystem: 'x' },
  env: { name: 'env', variable: 'A', value: 'b' },
  'auth-agent-req@openssh.com': { name: 'auth-agent-req@openssh.com' },
  'x11-req': { name: 'x11-req', isSingle: false, protocol: 'M', cookie: 'ab', screen: 0 },
  'pty-req': { name: 'pty-req', term: 'xterm', ...size, modes: Buffer.alloc(0) },
  'window-change': { name: 'window-change', ...size },
  signal: { name: 'signal', signal: 'TERM' },
  break: { name: 'break', lengthMs: 1 },
  'xon-xoff': { name: 'xon-xoff', isClientDoing: true },
  'exit-status': { name: 'exit-status', status: 0 },
  'exit-signal': { name: 'exit-signal', signal: 'TERM', isCoreDumped: false, message: '' },
  'eow@openssh.com': { name: 'eow@openssh.com' },
  'any other': { name: 'other', type: 'x@example.com', data: Buffer.alloc(0) },
};

function fateOfRequest(request: ChannelRequest): string {
  const bench = createSessionBench();
  const needsStart = ['window-change', 'signal', 'break'].includes(request.name);
  if (needsStart) for (const name of ['pty-req', 'shell']) bench.request(requests[name] as ChannelRequest);
  const [judged, acted] = [bench.judged.length, bench.server.length];
  bench.request(request, true);
  if (bench.client().at(-1) === 'failure') return 'refused';
  if (bench.judged.length > judged) return 'judged';
  if (bench.server.length > acted) return 'relayed';
  return bench.client().at(-1) === 'success' ? 'kept' : 'nothing';
}

const globals: Record<string, GlobalRequest> = {
  'tcpip-forward': { name: 'tcpip-forward', host: '', port: 1 },
  'streamlocal-forward@openssh.com': { name: 'streamlocal-forward@openssh.com', path: '/s' },
  'cancel-tcpip-forward': { name: 'cancel-tcpip-forward', host: '', port: 2 },
  'cancel-streamlocal-forward@openssh.com': { name: 'cancel-streamlocal-forward@openssh.com', path: '/t' },
  'keepalive@openssh.com': { name: 'keepalive@openssh.com' },
  'no-more-sessions@openssh.com': { name: 'no-more-sessions@openssh.com' },
  'any other': { name: 'other', type: 'hostkeys-prove-00@openssh.com', data: Buffer.alloc(0) },
};

function fateOfGlobal(request: GlobalRequest): string {
  const client: Buffer[] = [];
  const told: string[] = [];
  const engine = createConnectionEngine({
    toClient: (bytes) => void client.push(bytes),
    toServer: ({ type }) => void told.push(type),
    judge() {
      told.push('judged');
      return { action: 'forward', ticket: null };
    },
    listenEnded: () => undefined,
    note: () => void told.push('refused'),
    end: () => undefined,
  });
  engine.fromServer({ type: 'ready' });
  const listening: GlobalRequest[] = [
    { name: 'tcpip-forward', host: '', port: 2 },
    { name: 'streamlocal-forward@openssh.com', path: '/t' },
  ];
  for (const listen of listening) {
    engine.fromClient(encodeGlobalRequest(listen, true));
    engine.fromServer({ type: 'answer', isSuccess: true, port: null });
  }
  told.length = 0;
  client.length = 0;
  engine.fromClient(encodeGlobalRequest(request, true));
  if (told.includes('judged')) return 'judged';
  if (told.includes('refused')) return 'refused';
  if (told.length > 0) return 'relayed';
  return linesOf(Buffer.concat(client))[0] === 'request-failure' ? 'answered' : 'nothing';
}

const packets: Record<string, Buffer> = {
  1: ask.init(),
  3: ask.get(9, '/f'),
  4: ask.close(9, 'r'),
  5: ask.read(9, 'r', 0, 1),
  6: ask.write(9, 'w', 0, 'x'),
  7: ask.lstat(9, '/f'),
  8: ask.fstat(9, 'r'),
  9: ask.setstat(9, '/f', 0),
  10: ask.fsetstat(9, 'r', 0),
  11: ask.opendir(9, '/f'),
  12: ask.readdir(9, 'd'),
  13: ask.remove(9, '/f'),
  14: ask.mkdir(9, '/f'),
  15: ask.rmdir(9, '/f'),
  16: ask.realpath(9, '/f'),
  17: ask.stat(9, '/f'),
  18: ask.rename(9, '/f', '/g'),
  19: ask.readlink(9, '/f'),
  20: ask.symlink(9, '/f', '/g'),
};
const extended: Record<string, Buffer> = {
  'posix-rename@openssh.com': ask.extended(9, 'posix-rename@openssh.com', 'a', 'b'),
  'hardlink@openssh.com': ask.extended(9, 'hardlink@openssh.com', 'a', 'b'),
  'statvfs@openssh.com': ask.extended(9, 'statvfs@openssh.com', 'a'),
  'fstatvfs@openssh.com': ask.extended(9, 'fstatvfs@openssh.com', 'r'),
  'fsync@openssh.com': ask.extended(9, 'fsync@openssh.com', 'w'),
  'lsetstat@openssh.com': ask.extended(9, 'lsetstat@openssh.com', 'a', 0),
  'limits@openssh.com': ask.extended(9, 'limits@openssh.com'),
  'expand-path@openssh.com': ask.extended(9, 'expand-path@openssh.com', '~'),
  'copy-data': ask.extended(9, 'copy-data', 'r', 0n, 0n, 'w', 0n),
  'home-directory': ask.extended(9, 'home-directory', 'u'),
  'users-groups-by-id@openssh.com': ask.extended(9, 'users-groups-by-id@openssh.com', '', ''),
  'any other': ask.extended(9, 'x@example.com'),
};

function fateOfPacket(bytes: Buffer): string {
  const bench = createSftpBench();
  if (bytes[4] === 1) {
    bench.client(bytes);
    return bench.toTarget().equals(ask.init()) ? 'answered' : 'nothing';
  }
  bench.begin();
  bench.client(Buffer.concat([ask.get(1, '/r'), ask.put(2, '/w'), ask.opendir(3, '/d')]));
  bench.target(Buffer.concat([answer.handle(1, 'r'), answer.handle(2, 'w'), answer.handle(3, 'd')]));
  const [judged, sent] = [bench.asked.length, bench.toTarget().length];
  bench.client(bytes);
  const isSent = bench.toTarget().subarray(sent).equals(bytes);
  if (bench.asked.length > judged) return isSent ? 'judged' : 'judged and not sent';
  if (isSent) return 'relayed';
  return bench.clientPackets().at(-1)?.startsWith('status 9 8') === true ? 'refused' : 'nothing';
}

describe('docs/protocols/ssh.md', () => {
  it.each([
    ['Requests in a session channel', 'request', requests, fateOfRequest],
    ['Global requests', 'request', globals, fateOfGlobal],
    ['sftp', 'extension', extended, fateOfPacket],
  ] as const)('%s: each has a row, and the row says what is done', (heading, head, examples, fateOf) => {
    const table = tableUnder(heading, head);
    expect([...table.keys()].sort()).toEqual(Object.keys(examples).sort());
    const done = Object.entries(examples).map(([name, example]) => [name, fateOf(example as never)]);
    expect(done).toEqual(Object.keys(examples).map((name) => [name, table.get(name)]));
  });

  it('sftp: each type of packet has a row, and the row says what is done', () => {
    const table = tableUnder('sftp', 'packet');
    for (let type = 1; type < 256; type++) {
      if (type === 200) continue;
      const fate = fateOfPacket(packets[type] ?? packet(type, 9, '/f'));
      expect([type, fate]).toEqual([type, table.get(String(type)) ?? 'refused']);
    }
    expect(table.size).toBe(Object.keys(packets).length + 2);
  });

  it('sftp: the extensions are those of the code', () => {
    expect(Object.keys(extended).sort()).toEqual([...Object.keys(sftpExtensions), 'any other'].sort());
  });
});
