import { describe, expect, it } from 'vitest';
import { settle } from './session-bench.ts';
import { createSftpBench, decideByPath } from './sftp-bench.ts';
import { answer, ask, packet, packetsOf } from './sftp-packets.ts';

describe('the beginning of sftp', () => {
  it('asks the server where it stands before the client may go on, and lets only known extensions through', () => {
    const bench = createSftpBench();
    bench.client(ask.init(6));
    expect(bench.engine.paused).toBe(true);
    bench.client(ask.stat(7, 'x'));
    bench.target(
      answer.version(3, ['posix-rename@openssh.com', '1'], ['steal@example.com', '1'], ['statvfs@openssh.com', '9']),
    );
    expect(bench.toTarget()).toEqual(Buffer.concat([ask.init(3), ask.realpath(0, '.')]));
    bench.target(answer.name(0, '/home/u'));
    expect(bench.toClient()).toEqual(answer.version(3, ['posix-rename@openssh.com', '1']));
    expect(bench.targetPackets()).toEqual(['17 7']);
    expect(bench.engine.paused).toBe(false);
    expect(bench.resumed()).toBeGreaterThan(0);
  });

  it('goes on when the server does not say where it stands', () => {
    const bench = createSftpBench({
      file: ({ path, absolutePath }) => ({ action: 'forward', ticket: `${path} ${absolutePath}` }),
    });
    bench.client(ask.init());
    bench.target(answer.version());
    bench.target(answer.status(0, 4));
    bench.client(Buffer.concat([ask.stat(1, 'x'), ask.stat(2, '/a/../b/./c')]));
    bench.target(Buffer.concat([answer.size(1, 1), answer.size(2, 1)]));
    expect(bench.files.map(({ ticket }) => ticket)).toEqual(['x null', '/a/../b/./c /b/c']);
  });

  it.each([
    [
      'a client that does not begin by INIT',
      (bench: ReturnType<typeof createSftpBench>) => bench.client(ask.stat(1, 'x')),
    ],
    [
      'a client that begins by WRITE',
      (bench: ReturnType<typeof createSftpBench>) => bench.client(ask.write(1, 'h', 0, 'x')),
    ],
    [
      'a server of another version',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.client(ask.init());
        bench.target(answer.version(6));
      },
    ],
    [
      'a server that does not begin by VERSION',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.client(ask.init());
        bench.target(answer.status(0, 0));
      },
    ],
    ['a server that begins', (bench: ReturnType<typeof createSftpBench>) => bench.target(answer.version())],
    [
      'a packet of no length',
      (bench: ReturnType<typeof createSftpBench>) => bench.client(Buffer.from([0, 0, 0, 0, 1])),
    ],
    ['a packet of 2 MiB', (bench: ReturnType<typeof createSftpBench>) => bench.client(Buffer.from([0, 32, 0, 0, 1]))],
    [
      'an id that is used twice',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.begin();
        bench.client(Buffer.concat([ask.stat(1, 'x'), ask.stat(1, 'y')]));
      },
    ],
    [
      'a WRITE too short for its fields',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.begin();
        bench.client(Buffer.from([0, 0, 0, 6, 6, 0, 0, 0, 1, 0]));
      },
    ],
    [
      'a WRITE that claims more than it has',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.begin();
        bench.client(packet(6, 1, 'h', 0n, 99));
      },
    ],
    [
      'a WRITE to an endless handle',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.begin();
        bench.client(packet(6, 1, 'h'.repeat(300), 0n, 'x'));
      },
    ],
    [
      'an answer to nothing',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.begin();
        bench.target(answer.status(9, 0));
      },
    ],
    [
      'content that nobody asked for',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.begin();
        bench.client(ask.stat(1, 'x'));
        bench.target(answer.data(1, 'secret'));
      },
    ],
    [
      'a handle that nobody asked for',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.begin();
        bench.client(ask.stat(1, 'x'));
        bench.target(answer.handle(1, 'h'));
      },
    ],
    [
      'the same handle for two files',
      (bench: ReturnType<typeof createSftpBench>) => {
        bench.begin();
        bench.client(Buffer.concat([ask.get(1, 'a'), ask.get(2, 'b')]));
        bench.target(Buffer.concat([answer.handle(1, 'h'), answer.handle(2, 'h')]));
      },
    ],
  ])('ends with a reason at %s', (_what, play) => {
    const bench = createSftpBench();
    play(bench);
    expect(bench.stderr()).toMatch(/^weir: the (client|target) /);
    expect(bench.server.at(-1)).toBe('close');
    expect(bench.told.at(-1)).toBe('end');
    expect(bench.toClient().includes('secret')).toBe(false);
    // Whatever was let pass has ended.
    expect(bench.files).toHaveLength(bench.asked.length);
  });
});

describe('operations of sftp', () => {
  const operations = [
    ['OPEN to read', ask.get(9, 'a/../f'), 'open download /home/u/f'],
    ['OPEN to write', ask.put(9, '/f'), 'open upload /f'],
    ['OPEN for both', ask.open(9, '/f', 3), 'open both /f'],
    ['OPEN of no direction, which truncates', ask.open(9, '/f', 0x10), 'open both /f'],
    ['OPEN to append', ask.open(9, '/f', 4), 'open both /f'],
    ['LSTAT', ask.lstat(9, 'f'), 'stat list /home/u/f'],
    ['STAT', ask.stat(9, '../f'), 'stat list /home/f'],
    ['SETSTAT', ask.setstat(9, 'f', 0o4755), 'setstat change /home/u/f'],
    ['OPENDIR', ask.opendir(9, '.'), 'list list /home/u'],
    ['REMOVE', ask.remove(9, 'f'), 'remove change /home/u/f'],
    ['MKDIR', ask.mkdir(9, 'f'), 'mkdir change /home/u/f'],
    ['RMDIR', ask.rmdir(9, 'f'), 'rmdir change /home/u/f'],
    ['REALPATH', ask.realpath(9, 'f'), 'realpath list /home/u/f'],
    ['RENAME', ask.rename(9, 'f', '/g'), 'rename change /home/u/f /g'],
    ['READLINK', ask.readlink(9, 'f'), 'readlink list /home/u/f'],
    ['SYMLINK', ask.symlink(9, '../etc', 'd/f'), 'symlink change /home/u/d/f /home/u/etc'],
    ['posix-rename', ask.extended(9, 'posix-rename@openssh.com', 'f', 'g'), 'rename change /home/u/f /home/u/g'],
    ['hardlink', ask.extended(9, 'hardlink@openssh.com', 'f', 'g'), 'hardlink change /home/u/f /home/u/g'],
    ['statvfs', ask.extended(9, 'statvfs@openssh.com', 'f'), 'statvfs list /home/u/f'],
    ['lsetstat', ask.extended(9, 'lsetstat@openssh.com', 'f', 4, 0o600), 'setstat change /home/u/f'],
    ['expand-path', ask.extended(9, 'expand-path@openssh.com', '~/f'), 'realpath list /home/u/f'],
    ["expand-path of another's home", ask.extended(9, 'expand-path@openssh.com', '~v/f'), 'realpath list null'],
    ['home-directory', ask.extended(9, 'home-directory', 'v'), 'realpath list null'],
  ] as const;

  it.each(operations)('%s is judged, then passes as it came, and its end is told', (_what, bytes, judged) => {
    const bench = createSftpBench();
    bench.begin();
    const before = bench.toTarget().length;
    bench.client(bytes);
    expect(bench.toTarget().subarray(before)).toEqual(bytes);
    bench.target(answer.status(9, 4, 'not today'));
    expect(bench.ended()).toEqual([`${judged} 0 0 - part not today`]);
    expect(bench.clientPackets()).toEqual(['status 9 4 not today']);
  });

  it.each(operations)('%s is refused without a byte for the target', (_what, bytes) => {
    const bench = createSftpBench({ file: () => ({ action: 'deny', text: 'weir: no\nhint: ask' }) });
    bench.begin();
    bench.client(bytes);
    expect(bench.targetPackets()).toEqual([]);
    expect(bench.clientPackets()).toEqual(['status 9 3 weir: no hint: ask']);
    expect(bench.stderr()).toBe('weir: no\nhint: ask\n');
    expect(bench.files).toEqual([]);
  });

  it.each(operations)('%s waits for its decision, and what comes behind it waits, too', async (_what, bytes) => {
    const bench = createSftpBench({
      file: (request) => new Promise((resolve) => setImmediate(() => resolve(decideByPath(request)))),
    });
    bench.begin();
    bench.client(Buffer.concat([bytes, ask.stat(10, 'later')]));
    bench.client(ask.stat(11, 'denied'));
    expect([bench.targetPackets(), bench.engine.paused]).toEqual([[], true]);
    while (bench.engine.paused) await settle();
    expect(bench.targetPackets()).toEqual([packetsOf(bytes)[0], '17 10']);
    expect(bench.clientPackets()).toEqual(['status 11 3 weir: denied is not for you']);
  });

  it.each([
    ['limits', ask.extended(9, 'limits@openssh.com')],
    ['users-groups-by-id', ask.extended(9, 'users-groups-by-id@openssh.com', Buffer.alloc(4), Buffer.alloc(4))],
  ])('%s names no file and passes', (_what, bytes) => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(bytes);
    expect(bench.targetPackets()).toEqual(['200 9']);
    expect(bench.asked).toEqual([]);
  });

  it.each([
    ['an unknown extended request', ask.extended(9, 'steal@example.com', 'x'), 8],
    ['an unknown packet', packet(99, 9), 8],
    ['an answer of a client', answer.status(9, 0), 8],
    ['INIT again', ask.init(), 8],
    ['LINK of version 6', packet(21, 9, 'a', 'b', 0), 8],
    ['a path that is not UTF-8', packet(17, 9, Buffer.from([0x2f, 0xff])), 5],
    ['a path with a NUL', ask.stat(9, '/etc/passwd\0/public'), 5],
    ['a path of 10,000 bytes', ask.stat(9, '/'.repeat(10_000)), 5],
    ['OPEN with unknown flags', ask.open(9, '/f', 0x41), 5],
    ['attributes with unknown flags', packet(9, 9, '/f', 0x10), 5],
    ['more than the fields', packet(17, 9, '/f', 0), 5],
    ['less than the fields', packet(18, 9, '/f'), 5],
    ['a length beyond the packet', packet(17, 9, 1000), 5],
    ['limits with something more', ask.extended(9, 'limits@openssh.com', 1), 5],
    ['READ of an unknown handle', ask.read(9, 'h', 0, 10), 4],
    ['WRITE to an unknown handle', ask.write(9, 'h', 0, 'x'), 4],
    ['CLOSE of an unknown handle', ask.close(9, 'h'), 4],
    ['READDIR of an unknown handle', ask.readdir(9, 'h'), 4],
    ['FSTAT of an unknown handle', ask.fstat(9, 'h'), 4],
    ['FSETSTAT of an unknown handle', ask.fsetstat(9, 'h', 0), 4],
    ['fsync of an unknown handle', ask.extended(9, 'fsync@openssh.com', 'h'), 4],
    ['copy-data between unknown handles', ask.extended(9, 'copy-data', 'h', 0n, 0n, 'i', 0n), 4],
  ])('%s is answered here and never reaches the target', (_what, bytes, code) => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(bytes);
    expect(bench.targetPackets()).toEqual([]);
    expect(bench.asked).toEqual([]);
    const id = bytes[4] === 1 ? 3 : 9;
    expect(bench.clientPackets()[0]).toMatch(new RegExp(`^status ${id} ${code}`));
  });

  it('waits when 4,096 requests are without an answer', () => {
    const bench = createSftpBench();
    bench.begin();
    for (let id = 1; id <= 5000; id++) bench.client(ask.stat(id, 'x'));
    expect([bench.targetPackets().length, bench.engine.paused]).toEqual([4096, true]);
    bench.target(Buffer.concat([answer.size(1, 0), answer.size(2, 0)]));
    expect([bench.targetPackets().length, bench.engine.paused]).toEqual([4098, true]);
  });
});

describe('refusals in the middle of a packet of the target', () => {
  it('make the client wait when they are many', () => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(ask.get(1, '/r'));
    bench.target(answer.handle(1, 'r'));
    bench.client(ask.read(2, 'r', 0, 100));
    const data = answer.data(2, Buffer.alloc(100));
    bench.target(data.subarray(0, 50));
    for (let id = 10; id < 2000; id++) bench.client(ask.stat(id, 'denied'));
    expect([bench.asked.length, bench.engine.paused]).toEqual([1001, true]);
    bench.target(data.subarray(50));
    expect([bench.asked.length, bench.engine.paused]).toEqual([1991, false]);
    expect(bench.clientPackets()).toHaveLength(2 + 1990);
  });
});

describe('content in sftp', () => {
  const hello = '2cf24d';

  it('is counted and hashed on its way down', () => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(ask.get(1, 'f'));
    bench.target(answer.handle(1, 'h'));
    bench.client(Buffer.concat([ask.fstat(2, 'h'), ask.read(3, 'h', 0, 3), ask.read(4, 'h', 3, 99)]));
    bench.target(Buffer.concat([answer.size(2, 5), answer.data(3, 'hel'), answer.data(4, 'lo')]));
    bench.client(ask.close(5, 'h'));
    expect(bench.files).toEqual([]);
    bench.target(answer.status(5, 0));
    expect(bench.ended()).toEqual([`open download /home/u/f 0 5 ${hello} whole ok`]);
    expect(bench.clientPackets()).toEqual(['102 1', '105 2', '103 3', '103 4', 'status 5 0']);
  });

  it.each([
    ['to its end of file', [[0, 'hello']], 5, 'whole'],
    ['not to its end', [[0, 'hello']], null, 'part'],
    ['with an end elsewhere', [[0, 'hello']], 9, 'part'],
  ] as const)('read %s is said to be so', (_what, parts, endAt, whole) => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(ask.get(1, 'f'));
    bench.target(answer.handle(1, 'h'));
    for (const [offset, text] of parts) {
      bench.client(ask.read(2, 'h', offset, 100));
      bench.target(answer.data(2, text));
    }
    if (endAt !== null) {
      bench.client(ask.read(3, 'h', endAt, 100));
      bench.target(answer.status(3, 1));
    }
    bench.client(ask.close(4, 'h'));
    bench.target(answer.status(4, 0));
    expect(bench.ended()).toEqual([`open download /home/u/f 0 5 ${hello} ${whole} ok`]);
  });

  it('read out of order has no hash', () => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(ask.get(1, 'f'));
    bench.target(answer.handle(1, 'h'));
    bench.client(Buffer.concat([ask.read(2, 'h', 3, 2), ask.read(3, 'h', 0, 3), ask.close(4, 'h')]));
    bench.target(Buffer.concat([answer.data(2, 'lo'), answer.data(3, 'hel'), answer.status(4, 0)]));
    expect(bench.ended()).toEqual(['open download /home/u/f 0 5 - part ok']);
  });

  it.each([
    [
      'into an emptied file',
      0x1a,
      [
        [0, 'hel'],
        [3, 'lo'],
      ],
      0,
      `upload /f 5 0 ${hello} whole ok`,
    ],
    ['into a new file', 0x2a, [[0, 'hello']], 0, `upload /f 5 0 ${hello} whole ok`],
    ['into an empty file', 0x1a, [], 0, 'upload /f 0 0 e3b0c4 whole ok'],
    ['over what is there', 0x0a, [[0, 'hello']], 0, `upload /f 5 0 ${hello} part ok`],
    [
      'out of order',
      0x1a,
      [
        [3, 'lo'],
        [0, 'hel'],
      ],
      0,
      'upload /f 5 0 - part ok',
    ],
    [
      'with a gap',
      0x1a,
      [
        [0, 'hel'],
        [9, 'lo'],
      ],
      0,
      'upload /f 5 0 - part ok',
    ],
    ['and not taken', 0x1a, [[0, 'hello']], 4, `upload /f 5 0 ${hello} part disk full`],
  ] as const)('written %s is said to be so', (_what, flags, parts, code, line) => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(ask.open(1, '/f', flags));
    bench.target(answer.handle(1, 'h'));
    for (const [offset, text] of parts) {
      bench.client(ask.write(2, 'h', offset, text));
      bench.target(answer.status(2, code, code === 0 ? '' : 'disk full'));
    }
    bench.client(ask.close(3, 'h'));
    bench.target(answer.status(3, 0));
    expect(bench.ended()).toEqual([`open ${line}`]);
  });

  it('of more than may pass ends at the WRITE that would pass the size, whatever its place', () => {
    for (const [offset, size] of [
      [0, 11],
      [8, 3],
      [4_000_000_000, 1],
    ] as const) {
      const bench = createSftpBench({ file: () => ({ action: 'forward', ticket: 't', maxBytes: 10 }) });
      bench.begin();
      bench.client(ask.put(1, '/f'));
      bench.target(answer.handle(1, 'h'));
      bench.client(ask.write(2, 'h', offset, Buffer.alloc(size)));
      bench.client(Buffer.concat([ask.write(3, 'h', 0, 'x'), ask.close(4, 'h')]));
      bench.target(answer.status(4, 0));
      expect(bench.targetPackets()).toEqual(['3 1', '4 4']);
      const text = 'weir: /f is larger than the 10 bytes that may pass';
      expect(bench.clientPackets()).toEqual(['102 1', `status 2 3 ${text}`, `status 3 3 ${text}`, 'status 4 0']);
      expect(bench.ended()).toEqual([`t 0 0 - part ${text}`]);
      expect(bench.stderr()).toBe(`${text}\n`);
    }
  });

  it('of more than may pass ends when many small pieces come to the same place', () => {
    const bench = createSftpBench({ file: () => ({ action: 'forward', ticket: 't', maxBytes: 10 }) });
    bench.begin();
    bench.client(ask.open(1, '/f', 6));
    bench.target(answer.handle(1, 'h'));
    for (let id = 2; id < 9; id++) bench.client(ask.write(id, 'h', 0, 'abc'));
    expect(bench.targetPackets()).toEqual(['3 1', '6 2', '6 3', '6 4']);
  });

  it('of more than may pass is not delivered', () => {
    const bench = createSftpBench({ file: () => ({ action: 'forward', ticket: 't', maxBytes: 4 }) });
    bench.begin();
    bench.client(ask.get(1, '/f'));
    bench.target(answer.handle(1, 'h'));
    bench.client(ask.read(2, 'h', 0, 100));
    bench.target(answer.data(2, 'hello'));
    bench.client(ask.read(3, 'h', 0, 1));
    expect(
      bench
        .clientPackets()
        .slice(1)
        .map((line) => line.slice(0, 10)),
    ).toEqual(['status 2 3', 'status 3 3']);
    expect(bench.toClient().includes('hello')).toBe(false);
    expect(bench.targetPackets()).toEqual(['3 1', '5 2']);
  });

  it.each([['up'], ['down']])('that the host refuses ends on its way %s', (way) => {
    const seen: string[] = [];
    const bench = createSftpBench({
      file: () => ({ action: 'forward', ticket: 't', wantsContent: true }),
      content: (_ticket, direction, offset, bytes) => {
        seen.push(`${direction} ${offset} ${bytes}`);
        return bytes.includes('secret') ? 'weir: it holds a secret' : null;
      },
    });
    bench.begin();
    bench.client(ask.open(1, '/f', 3));
    bench.target(answer.handle(1, 'h'));
    const contents = ['harmless', 'the secret', 'harmless'];
    for (const [i, content] of contents.entries()) {
      bench.client(way === 'up' ? ask.write(i + 2, 'h', i * 10, content) : ask.read(i + 2, 'h', i * 10, 10));
      if (way === 'down' && i < 2) bench.target(answer.data(i + 2, content));
    }
    bench.client(ask.close(9, 'h'));
    bench.target(answer.status(9, 0));
    const load = `${way}load`;
    expect(seen).toEqual([`${load} 0 harmless`, `${load} 10 the secret`]);
    expect(Buffer.concat([bench.toTarget(), bench.toClient()]).includes('the secret')).toBe(false);
    const refused = bench.clientPackets().filter((line) => line.includes('it holds a secret'));
    expect(refused).toHaveLength(2);
    expect(bench.ended()[0]).toMatch(/ part weir: it holds a secret$/);
  });

  it('goes only the way for which its file was opened', () => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(Buffer.concat([ask.get(1, '/r'), ask.put(2, '/w'), ask.opendir(3, '/d')]));
    bench.target(Buffer.concat([answer.handle(1, 'r'), answer.handle(2, 'w'), answer.handle(3, 'd')]));
    bench.client(
      Buffer.concat([
        ask.write(4, 'r', 0, 'x'),
        ...[ask.read(5, 'w', 0, 9), ask.read(6, 'd', 0, 9), ask.write(7, 'd', 0, 'x'), ask.readdir(8, 'r')],
      ]),
    );
    expect(bench.targetPackets()).toHaveLength(3);
    expect(
      bench
        .clientPackets()
        .slice(3)
        .map((line) => line.split(' ').slice(0, 3).join(' ')),
    ).toEqual([...['status 4 3', 'status 5 3', 'status 6 4', 'status 7 4', 'status 8 4']]);
  });

  it('takes attributes of a file that is written for part of it, and judges those of another', () => {
    const bench = createSftpBench({
      file: (request) =>
        request.operation === 'setstat' ? { action: 'deny', text: 'weir: no' } : { action: 'forward', ticket: 't' },
    });
    bench.begin();
    bench.client(Buffer.concat([ask.get(1, '/r'), ask.put(2, '/w')]));
    bench.target(Buffer.concat([answer.handle(1, 'r'), answer.handle(2, 'w')]));
    bench.client(Buffer.concat([ask.fsetstat(3, 'r', 0o777), ask.fsetstat(4, 'w', 0o644)]));
    expect(bench.targetPackets()).toEqual(['3 1', '3 2', '10 4']);
    expect(bench.asked).toEqual(['open /r', 'open /w', 'setstat /r']);
  });

  it('is not whole when the file is cut or filled by its attributes', () => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(ask.put(1, '/f'));
    bench.target(answer.handle(1, 'h'));
    bench.client(Buffer.concat([ask.write(2, 'h', 0, 'hello'), ask.truncate(3, 'h', 3), ask.close(4, 'h')]));
    bench.target(Buffer.concat([answer.status(2, 0), answer.status(3, 0), answer.status(4, 0)]));
    expect(bench.ended()).toEqual(['open upload /f 5 0 - part ok']);
  });

  it('is copied at the target as an operation of its own, if nobody has to look at it', () => {
    for (const wantsContent of [false, true]) {
      const bench = createSftpBench({
        file: ({ operation }) => ({ action: 'forward', ticket: operation, wantsContent }),
      });
      bench.begin();
      bench.client(Buffer.concat([ask.get(1, '/r'), ask.put(2, '/w')]));
      bench.target(Buffer.concat([answer.handle(1, 'r'), answer.handle(2, 'w')]));
      bench.client(ask.extended(3, 'copy-data', 'r', 0n, 0n, 'w', 0n));
      expect(bench.asked.slice(2)).toEqual(wantsContent ? [] : ['copy /r']);
      expect(bench.targetPackets().slice(2)).toEqual(wantsContent ? [] : ['200 3']);
    }
  });

  it('is told to have ended when the channel ends before', () => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(Buffer.concat([ask.put(1, '/w'), ask.get(2, '/r'), ask.stat(3, '/s')]));
    bench.target(answer.handle(1, 'w'));
    bench.client(ask.write(4, 'w', 0, 'hello'));
    bench.engine.fromServer({ type: 'close' });
    expect(bench.ended().sort()).toEqual([
      'open download /r 0 0 - part the channel ended',
      `open upload /w 5 0 ${hello} part the channel ended`,
      'stat list /s 0 0 - part the channel ended',
    ]);
  });

  it('of large packets is passed in the pieces in which it comes', () => {
    const bench = createSftpBench();
    bench.begin();
    bench.client(Buffer.concat([ask.put(1, '/w'), ask.get(2, '/r')]));
    bench.target(Buffer.concat([answer.handle(1, 'w'), answer.handle(2, 'r')]));
    const write = ask.write(3, 'w', 0, Buffer.alloc(200_000, 1));
    bench.client(write.subarray(0, 1000));
    expect(bench.toTarget().subarray(-900)).toEqual(write.subarray(100, 1000));
    bench.client(ask.read(4, 'r', 0, 200_000).subarray(0, 0));
    const data = answer.data(5, Buffer.alloc(200_000, 2));
    bench.client(Buffer.concat([write.subarray(1000), ask.read(5, 'r', 0, 200_000)]));
    bench.target(data.subarray(0, 1000));
    // A refusal in the middle of the packet waits for its end.
    bench.client(ask.stat(6, 'denied'));
    expect(bench.toClient().subarray(-1000)).toEqual(data.subarray(0, 1000));
    bench.target(data.subarray(1000));
    expect(bench.clientPackets().at(-1)).toMatch(/^status 6 3/);
  });
});
