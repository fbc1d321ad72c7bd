import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent, RecordingAnchor } from '@weir/api';
import { hasCommand, runCommand } from '@weir/testkit';
import { lane } from '@weir/testkit/lane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWeirCli, type WeirCli } from './fixture/cli.ts';
import { livePg } from './fixture/drivers.ts';
import { type Person, type System, startSystem } from './fixture/system.ts';
import { waitFor } from './fixture/wait.ts';

const recordingsOf = (system: System) => join(system.dir, 'gateway', 'recordings');

/** A copy with one bit changed. */
function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 0x01, at);
  return changed;
}

/** Runs statements in a session of its own and ends it. @returns its id, once its recording is sealed */
async function recordedSession(system: System, person: Person, statements: readonly string[]): Promise<string> {
  const { dsn, id } = await system.dsn(person);
  const { client } = await livePg(system, dsn);
  for (const text of statements) await client.query(text).catch(() => undefined);
  await client.end();
  const api = await system.as(person);
  await api.killSession(id, { reason: 'done' });
  await waitFor('the seal', async () => ((await api.showSession(id)).recording === 'sealed' ? true : undefined));
  return id;
}

describe('evidence', () => {
  let system: System;
  let bob: WeirCli;
  let sessions: string[];
  const files = new Map<string, { readonly path: string; readonly bytes: Buffer }>();
  const fileOf = (session: string) => files.get(session) as { path: string; bytes: Buffer };

  beforeAll(async () => {
    system = await startSystem({ customers: 100 });
    bob = createWeirCli(system, 'bob');
    expect((await bob.login()).status).toBe(0);
    sessions = [];
    for (const statements of [
      ['select 1', 'select id, email from customers where id < 20', 'drop table orders'],
      ['select 2'],
      Array.from({ length: 40 }, (_, index) => `select ${index}, name from customers`),
    ])
      sessions.push(await recordedSession(system, 'alice', statements));
    const anchors = await bob.json<RecordingAnchor[]>('audit', 'anchors');
    for (const session of sessions) {
      const path = join(recordingsOf(system), anchors.find((anchor) => anchor.session === session)?.file ?? '');
      files.set(session, { path, bytes: readFileSync(path) });
    }
  });
  afterAll(() => system?.stop());

  const restore = () => {
    for (const { path, bytes } of files.values()) writeFileSync(path, bytes);
  };
  const verify = async (...args: string[]) => {
    const { status, stdout, stderr } = await bob.run(['audit', 'verify', ...args]);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    return { status, stderr, broken: lines.filter(([word]) => word === 'BROKEN').map(([, session]) => session) };
  };

  it('verifies what nobody touched, with sessions that are open', async () => {
    const { dsn } = await system.dsn('alice');
    const { client } = await livePg(system, dsn);
    await client.query('select 1');
    expect(await verify()).toMatchObject({ status: 0, broken: [] });
    await client.end();
    expect(await bob.json<unknown[]>('audit', 'anchors')).not.toHaveLength(0);
    const named = await bob.run(['audit', 'verify', sessions[0] as string, '--json']);
    expect(JSON.parse(named.stdout)).toMatchObject({ session: sessions[0], ok: true, status: 'sealed' });
  });

  const damages: { name: string; broken: number[]; damage(first: string, second: string): void }[] = [
    ...[0, 0.1, 0.35, 0.5, 0.75, 0.9, 1].map((part) => ({
      name: `one bit at ${part * 100} % of the file`,
      broken: [2],
      damage: () => {
        const { path, bytes } = fileOf(sessions[2] as string);
        writeFileSync(path, flipped(bytes, Math.min(bytes.length - 1, Math.floor(bytes.length * part))));
      },
    })),
    ...[1, 100, 2000].map((cut) => ({
      name: `the last ${cut} bytes cut off`,
      broken: [2],
      damage: () => {
        const { path, bytes } = fileOf(sessions[2] as string);
        writeFileSync(path, bytes.subarray(0, bytes.length - cut));
      },
    })),
    {
      name: 'an empty file',
      broken: [0],
      damage: () => writeFileSync(fileOf(sessions[0] as string).path, ''),
    },
    {
      name: 'a removed file',
      broken: [1],
      damage: () => rmSync(fileOf(sessions[1] as string).path),
    },
    {
      name: 'bytes behind the end',
      broken: [0],
      damage: () => {
        const { path, bytes } = fileOf(sessions[0] as string);
        writeFileSync(path, Buffer.concat([bytes, Buffer.from('more')]));
      },
    },
    {
      name: 'the file twice in a row',
      broken: [0],
      damage: () => {
        const { path, bytes } = fileOf(sessions[0] as string);
        writeFileSync(path, Buffer.concat([bytes, bytes]));
      },
    },
    {
      name: 'two files swapped',
      broken: [0, 1],
      damage: () => {
        writeFileSync(fileOf(sessions[0] as string).path, fileOf(sessions[1] as string).bytes);
        writeFileSync(fileOf(sessions[1] as string).path, fileOf(sessions[0] as string).bytes);
      },
    },
  ];
  it.each(damages)('finds $name and names the session', async ({ damage, broken }) => {
    damage(sessions[0] as string, sessions[1] as string);
    try {
      const found = await verify();
      expect(found.status).toBe(1);
      expect(found.stderr).toContain('code: evidence_broken');
      expect([...found.broken].sort()).toEqual(broken.map((index) => sessions[index]).sort());
    } finally {
      restore();
    }
    expect(await verify()).toMatchObject({ status: 0, broken: [] });
  });

  it('does the same with copies and exported anchors, without the gateway', async () => {
    const folder = join(system.dir, 'copies');
    mkdirSync(folder);
    const anchors = join(system.dir, 'anchors.json');
    const sealed = (await bob.json<RecordingAnchor[]>('audit', 'anchors')).filter((anchor) => anchor.sealed);
    writeFileSync(anchors, JSON.stringify(sealed));
    for (const { file } of sealed) copyFileSync(join(recordingsOf(system), file), join(folder, file));
    const args = ['--offline', folder, '--anchors', anchors];
    expect(await verify(...args)).toMatchObject({ status: 0 });
    const { file, session } = sealed[0] as RecordingAnchor;
    writeFileSync(join(folder, file), flipped(readFileSync(join(folder, file)), 300));
    expect(await verify(...args)).toMatchObject({ status: 1, broken: [session] });
    rmSync(join(folder, file));
    expect(await verify(...args)).toMatchObject({ status: 1, broken: [session] });
    for (const added of ['ses_unknown.weirrec']) copyFileSync(join(recordingsOf(system), file), join(folder, added));
    expect((await verify(...args)).status).toBe(1);
  });

  it('holds no clear text: neither statements nor protected values', async () => {
    for (const { bytes } of files.values()) {
      expect(bytes.includes('from customers')).toBe(false);
      expect(bytes.includes('@example')).toBe(false);
    }
    for (const name of readdirSync(join(system.dir, 'gateway', 'journal')))
      expect(readFileSync(join(system.dir, 'gateway', 'journal', name)).includes('from customers')).toBe(false);
  });

  it('logs who did what: sign-ins, sessions, refusals, requests, decisions, policy, views', async () => {
    const admin = createWeirCli(system, 'admin');
    const alice = createWeirCli(system, 'alice');
    expect((await alice.login('a wrong password')).status).toBe(4);
    await alice.login();
    await admin.login();
    const { dsn, id } = await system.dsn('alice');
    const stranger = new URL(dsn);
    stranger.password = 'not-the-password-1';
    await expect(livePg(system, stranger.href)).rejects.toMatchObject({ code: '28P01' });
    await expect(livePg(system, `${dsn}&options=-c%20role%3Dpostgres`)).rejects.toMatchObject({ severity: 'FATAL' });
    const refused = await alice.run(['exec', 'demo-pg', 'delete from orders where id = 1']);
    const request = /(req_\w+)/.exec(refused.stderr)?.[1] as string;
    expect((await alice.run(['requests', 'approve', request])).status).toBe(5);
    await bob.run(['requests', 'show', request]);
    await bob.run(['requests', 'approve', request, '--reason', 'ticket 7']);
    await alice.run(['exec', 'demo-pg', 'delete from orders where id = 1']);
    await bob.run(['sessions', 'play', id]);
    const policy = join(system.dir, 'policy.yaml');
    expect((await admin.run(['policy', 'apply', policy])).status).toBe(0);
    await admin.run(['sessions', 'kill', id, '--reason', 'test']);
    await alice.run(['logout']);

    const expected: Partial<AuditEvent>[] = [
      { action: 'login-failed', actor: 'alice' },
      { action: 'login', actor: 'alice' },
      { action: 'session-opened', actor: 'alice', subject: id },
      { action: 'sign-in-refused', subject: id },
      { action: 'startup-refused', subject: id },
      { action: 'channel-opened', actor: 'alice' },
      { action: 'channel-closed', actor: 'alice' },
      { action: 'request-made', actor: 'alice', subject: request },
      { action: 'decision-refused', actor: 'alice', subject: request },
      { action: 'statement-viewed', actor: 'bob', subject: request },
      { action: 'request-approved', actor: 'bob', subject: request },
      { action: 'request-used', actor: 'alice', subject: request },
      { action: 'session-viewed', actor: 'bob', subject: id },
      { action: 'recording-read', actor: 'bob' },
      { action: 'policy-applied', actor: 'admin' },
      { action: 'session-ended', actor: 'admin', subject: id },
      { action: 'logout', actor: 'alice' },
      { action: 'agent-enrolled' },
      { action: 'gateway-started', actor: 'gateway' },
    ];
    for (const event of expected) {
      const [action, ...rest] = [event.action as string];
      expect(rest).toEqual([]);
      const events = await waitFor(`the events ${action}`, async () => {
        const found = await bob.json<AuditEvent[]>('audit', 'ls', '--action', action, '--limit', '1000');
        return found.length > 0 ? found : undefined;
      });
      expect(events).toContainEqual(expect.objectContaining(event));
    }
    const all = await bob.json<AuditEvent[]>('audit', 'ls', '--limit', '1000');
    expect(all.map((event) => Number(event.id))).toEqual(
      [...all.map((event) => Number(event.id))].sort((a, b) => a - b),
    );
    expect(JSON.stringify(all)).not.toContain('a wrong password');
    expect((await alice.run(['audit', 'ls'])).status).toBe(4);
  });
});

describe('a journal that was changed while the gateway was down', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ customers: 20 });
  });
  afterAll(() => system?.stop());

  it('is kept, told in the audit log, and leaves a note where entries are missing', async () => {
    const { dsn, id } = await system.dsn('alice');
    const { client } = await livePg(system, dsn);
    for (let number = 0; number < 60; number += 1) await client.query(`select ${number} as n`);
    await system.gateway.kill('SIGKILL');
    const folder = join(system.dir, 'gateway', 'journal');
    const segment = join(folder, readdirSync(folder).sort()[0] as string);
    writeFileSync(segment, flipped(readFileSync(segment), 12_000));
    await system.restart('gateway');

    const admin = await system.as('admin');
    const told = await admin.listAuditEvents({ action: 'evidence-damaged' });
    expect(told.map(({ subject }) => subject)).toEqual(
      expect.arrayContaining([id, expect.stringMatching(/^damaged-.*\.seg$/)]),
    );
    expect(readdirSync(folder).some((name) => name.startsWith('damaged-'))).toBe(true);
    const notes: unknown[] = [];
    for await (const { event } of admin.sessionEvents(id)) if (event.event === 'note') notes.push(event['code']);
    expect(notes).toContain('entries-missing');
  });
});

lane(
  'prlimit',
  () => hasCommand('prlimit'),
  'install prlimit (util-linux)',
)('a journal that cannot be written', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ customers: 50 });
  });
  afterAll(() => system?.stop());

  it('ends every session with a clear error, opens none, and loses nothing that was answered', async () => {
    const { dsn, id } = await system.dsn('alice');
    const busy = await livePg(system, dsn);
    const idle = await livePg(system, (await system.dsn('admin')).dsn);
    // The journal's file ends here for the gateway, as on a full disk: its log is far smaller.
    const limit = 512 * 1024;
    const limited = await runCommand('prlimit', [`--pid=${system.gateway.pid}`, `--fsize=${limit}:`]);
    expect(limited.stderr).toBe('');
    const answered: number[] = [];
    const filling = 'x'.repeat(8192);
    const lost = await (async () => {
      for (let number = 1; ; number += 1) {
        try {
          await busy.client.query(`select ${number} as n /* ${filling} */`);
          answered.push(number);
        } catch (error) {
          return error as Error & { code?: string };
        }
      }
    })();
    expect(lost).toMatchObject({ code: '58030', message: expect.stringContaining('evidence') });
    expect(await idle.lost).toMatchObject({ code: '58030' });
    expect(answered.length).toBeGreaterThan(10);
    await expect(system.dsn('alice')).rejects.toMatchObject({ code: 'recording_unavailable' });
    await expect(livePg(system, dsn)).rejects.toMatchObject({ severity: 'FATAL' });
    const admin = await system.as('admin');
    expect((await admin.status()).journal.healthy).toBe(false);

    await system.gateway.stop();
    await system.restart('gateway');
    const { client } = await livePg(system, (await system.dsn('alice')).dsn);
    await client.query('select 1');
    await client.end();
    const recorded = new Set<number>();
    for await (const { event } of admin.sessionEvents(id)) {
      const number = /^select (\d+) as n/.exec((event as { text?: string }).text ?? '')?.[1];
      if (number !== undefined) recorded.add(Number(number));
    }
    expect(answered.filter((number) => !recorded.has(number))).toEqual([]);
    const cli = createWeirCli(system, 'admin');
    await cli.login();
    expect(await cli.run(['audit', 'verify'])).toMatchObject({ status: 0 });
  }, 90_000);
});
