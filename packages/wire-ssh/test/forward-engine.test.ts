import { describe, expect, it } from 'vitest';
import {
  createForwardEngine,
  encodeMessage,
  type Forward,
  type ForwardHost,
  type SshDecision,
  type SshRequest,
} from '../src/index.ts';
import { linesOf, settle } from './session-bench.ts';

const direct: Forward = {
  kind: 'direct-tcpip',
  destination: { host: 'db', port: 5432 },
  origin: { host: '127.0.0.1', port: 50_000 },
};
const incoming: Forward = {
  kind: 'forwarded-tcpip',
  isListening: false,
  destination: { host: 'localhost', port: 8080 },
  origin: { host: '10.0.0.1', port: 1234 },
};
const allow: SshDecision = { action: 'forward', ticket: 't' };
const deny: SshDecision = { action: 'deny', text: 'weir: no' };
const data = (text: string) => encodeMessage({ type: 'data', bytes: Buffer.from(text) });
const closing = encodeMessage({ type: 'close' });

function createBench(
  forward: Forward,
  judge: (request: SshRequest) => SshDecision | Promise<SshDecision> = () => allow,
) {
  const client: Buffer[] = [];
  const server: string[] = [];
  const told: string[] = [];
  let resumed = 0;
  const host: ForwardHost = {
    toClient: (bytes) => void client.push(bytes),
    toServer: (action) =>
      void server.push(
        action.type === 'data'
          ? `in ${action.bytes}`
          : action.type === 'refuse'
            ? `refuse ${action.reason} ${action.text}`
            : action.type,
      ),
    judge,
    forwardEnded: (_ticket, { bytesUp, bytesDown, error }) => void told.push(`ended ${bytesUp} ${bytesDown} ${error}`),
    note: (code, text) => void told.push(`${code}: ${text}`),
    end: () => void told.push('end'),
  };
  const engine = createForwardEngine(host, forward, { resumed: () => void resumed++ });
  engine.start();
  return { engine, server, told, resumed: () => resumed, client: () => linesOf(Buffer.concat(client)) };
}

describe('a forward of the client', () => {
  it('opens, then carries bytes both ways and counts them', () => {
    const bench = createBench(direct);
    bench.engine.fromClient(data('early'));
    expect([bench.server, bench.engine.paused]).toEqual([['open'], true]);
    bench.engine.fromServer({ type: 'opened' });
    expect([bench.engine.paused, bench.resumed()]).toEqual([false, 1]);
    bench.engine.fromClient(Buffer.concat([data('SELECT'), encodeMessage({ type: 'eof' })]));
    bench.engine.fromServer({ type: 'data', bytes: Buffer.from('rows') });
    bench.engine.fromServer({ type: 'eof' });
    bench.engine.fromServer({ type: 'close' });
    bench.engine.fromServer({ type: 'close' });
    expect(bench.server).toEqual(['open', 'in early', 'in SELECT', 'eof', 'close']);
    expect(bench.client()).toEqual(['open-confirmation', 'out rows', 'eof', 'close']);
    expect(bench.told).toEqual(['ended 11 4 null', 'end']);
  });

  it('is refused with the reason, and nothing reaches the target', () => {
    const bench = createBench(direct, () => deny);
    bench.engine.fromClient(data('x'));
    expect(bench.client()).toEqual(['open-failure 1 weir: no']);
    expect([bench.server, bench.told]).toEqual([[], ['end']]);
  });

  it('says why the target could not connect', () => {
    const bench = createBench(direct);
    bench.engine.fromServer({ type: 'refused', reason: 2, text: 'Connection refused' });
    expect(bench.client()).toEqual(['open-failure 2 Connection refused']);
    expect(bench.told).toEqual(['ended 0 0 Connection refused', 'end']);
  });

  it('waits for a decision, which a client that has gone does not change any more', async () => {
    let decide: (decision: SshDecision) => void = () => undefined;
    const bench = createBench(
      direct,
      () =>
        new Promise((resolve) => {
          decide = resolve;
        }),
    );
    bench.engine.fromClient(Buffer.concat([data('x'), closing]));
    decide(allow);
    await settle();
    expect([bench.server, bench.told]).toEqual([[], ['end']]);
  });

  it.each([
    ['a NUL', { kind: 'direct-tcpip', destination: { host: 'a\0b', port: 1 }, origin: null }],
    ['a port that is none', { kind: 'direct-tcpip', destination: { host: 'a', port: 65_536 }, origin: null }],
    ['a long name', { kind: 'direct-tcpip', destination: { host: 'a'.repeat(5000), port: 1 }, origin: null }],
    ['no path', { kind: 'direct-streamlocal', destination: { path: '' } }],
  ] as const)('is never asked about with %s', (_what, forward) => {
    let asked = 0;
    const bench = createBench(forward, () => {
      asked++;
      return allow;
    });
    expect([asked, bench.server]).toEqual([0, []]);
    expect(bench.client()[0]).toMatch(/^open-failure 1 weir: the/);
  });

  it.each([
    ['the client closes', (bench: ReturnType<typeof createBench>) => bench.engine.fromClient(closing)],
    ['the lane ends', (bench: ReturnType<typeof createBench>) => bench.engine.abandon()],
    ['Weir ends it', (bench: ReturnType<typeof createBench>) => bench.engine.kill('weir: over')],
    [
      'the client sends garbage',
      (bench: ReturnType<typeof createBench>) => bench.engine.fromClient(Buffer.alloc(9, 9)),
    ],
  ])('ends once when %s', (_what, end) => {
    const bench = createBench(direct);
    bench.engine.fromServer({ type: 'opened' });
    end(bench);
    bench.engine.abandon();
    bench.engine.fromServer({ type: 'data', bytes: Buffer.from('late') });
    expect(bench.server).toEqual(['open', 'close']);
    expect(bench.told.filter((line) => line === 'end' || line.startsWith('ended'))).toEqual(['ended 0 0 null', 'end']);
  });

  it('is deaf to garbage behind a close', () => {
    const bench = createBench(direct);
    bench.engine.fromClient(Buffer.concat([closing, Buffer.alloc(9, 9)]));
    expect(bench.told).toEqual(['ended 0 0 the client closed the channel', 'end']);
  });

  it('refuses requests inside', () => {
    const bench = createBench(direct);
    bench.engine.fromServer({ type: 'opened' });
    bench.engine.fromClient(
      encodeMessage({ type: 'request', wantReply: true, request: { name: 'exec', command: 'rm' } }),
    );
    expect([bench.client().at(-1), bench.server]).toEqual(['failure', ['open']]);
  });
});

describe('a channel that the target opens', () => {
  it('is offered to the client, and accepted at the target when the client has it', () => {
    const bench = createBench(incoming);
    expect([bench.client(), bench.server]).toEqual([['open-confirmation'], []]);
    bench.engine.fromClient(Buffer.concat([encodeMessage({ type: 'open-confirmation' }), data('hi')]));
    expect(bench.server).toEqual(['open']);
    bench.engine.fromServer({ type: 'opened' });
    bench.engine.fromServer({ type: 'data', bytes: Buffer.from('ho') });
    bench.engine.fromServer({ type: 'close' });
    expect(bench.server).toEqual(['open', 'in hi', 'close']);
    expect(bench.client()).toEqual(['open-confirmation', 'out ho', 'eof', 'close']);
    expect(bench.told).toEqual(['ended 2 2 null', 'end']);
  });

  it('is refused at the target when the client does not take it', () => {
    const bench = createBench({ kind: 'incoming-auth-agent' });
    bench.engine.fromClient(encodeMessage({ type: 'open-failure', reason: 2, text: 'no agent' }));
    expect(bench.server).toEqual(['refuse 2 no agent']);
    expect(bench.told).toEqual(['ended 0 0 the client refused it: no agent', 'end']);
  });

  it('is refused at the target when it is denied', () => {
    const bench = createBench({ kind: 'incoming-x11', origin: null }, () => deny);
    expect([bench.server, bench.client()]).toEqual([['refuse 1 weir: no'], ['open-failure 1 weir: no']]);
    expect(bench.told).toEqual(['end']);
  });

  it('is never accepted before it is decided, whatever the client says', async () => {
    let decide: (decision: SshDecision) => void = () => undefined;
    const bench = createBench(
      incoming,
      () =>
        new Promise((resolve) => {
          decide = resolve;
        }),
    );
    bench.engine.fromClient(encodeMessage({ type: 'open-confirmation' }));
    bench.engine.fromClient(data('x'));
    expect(bench.server).toEqual([]);
    decide(deny);
    await settle();
    expect(bench.server).toEqual(['refuse 1 weir: no']);
  });
});
