import { describe, expect, it } from 'vitest';
import {
  type ConnectionHost,
  createConnectionEngine,
  encodeGlobalRequest,
  encodeMessage,
  type GlobalRequest,
  type SshDecision,
  type SshRequest,
} from '../src/index.ts';
import { linesOf, settle } from './session-bench.ts';

const allow: SshDecision = { action: 'forward', ticket: 't' };
const deny: SshDecision = { action: 'deny', text: 'weir: no' };

function createBench(judge: (request: SshRequest) => SshDecision | Promise<SshDecision> = () => allow) {
  const client: Buffer[] = [];
  const server: string[] = [];
  const told: string[] = [];
  const judged: SshRequest[] = [];
  const host: ConnectionHost = {
    toClient: (bytes) => void client.push(bytes),
    toServer: (action) =>
      void server.push('at' in action ? `${action.type} ${Object.values(action.at).join(':')}` : action.type),
    judge: (request) => {
      judged.push(request);
      return judge(request);
    },
    listenEnded: (_ticket, error) => void told.push(`listen ended ${error}`),
    note: (code, text) => void told.push(`${code}: ${text}`),
    end: () => void told.push('end'),
  };
  const engine = createConnectionEngine(host);
  return {
    ...{ engine, server, told, judged },
    client: () => linesOf(Buffer.concat(client)),
    ask: (request: GlobalRequest, wantReply = true) => engine.fromClient(encodeGlobalRequest(request, wantReply)),
    answer: (isSuccess: boolean, port: number | null = null) => engine.fromServer({ type: 'answer', isSuccess, port }),
  };
}

describe('a connection', () => {
  it('lets the target listen and stop, one request after the other', () => {
    const bench = createBench();
    bench.ask({ name: 'tcpip-forward', host: 'localhost', port: 0 });
    bench.ask({ name: 'streamlocal-forward@openssh.com', path: '/tmp/s' });
    expect([bench.server, bench.engine.paused]).toEqual([[], true]);
    bench.engine.fromServer({ type: 'ready' });
    expect(bench.server).toEqual(['listen localhost:0']);
    bench.answer(true, 4711);
    bench.answer(true);
    bench.ask({ name: 'cancel-tcpip-forward', host: 'localhost', port: 4711 });
    bench.answer(true);
    expect(bench.server).toEqual(['listen localhost:0', 'listen /tmp/s', 'unlisten localhost:4711']);
    expect(bench.client()).toEqual([
      ...['open-confirmation', 'request-success 4711', 'request-success null', 'request-success null'],
    ]);
    bench.engine.abandon();
    expect(bench.told).toEqual(['listen ended null', 'listen ended null', 'end']);
    expect(bench.server.at(-1)).toBe('close');
  });

  it('refuses to listen as the policy says, and when the target does', () => {
    const bench = createBench((request) => ('destination' in request && 'path' in request.destination ? deny : allow));
    bench.engine.fromServer({ type: 'ready' });
    bench.ask({ name: 'streamlocal-forward@openssh.com', path: '/tmp/s' });
    bench.ask({ name: 'tcpip-forward', host: '', port: 80 });
    bench.answer(false);
    expect(bench.server).toEqual(['listen :80']);
    expect(bench.client()).toEqual(['open-confirmation', 'request-failure', 'request-failure']);
    expect(bench.told).toEqual(['listen ended the target refused it']);
  });

  it.each([
    ['keepalive', { name: 'keepalive@openssh.com' }, 0],
    ['no more sessions', { name: 'no-more-sessions@openssh.com' }, 0],
    ['an unknown one', { name: 'other', type: 'hostkeys-prove-00@openssh.com', data: Buffer.alloc(4) }, 1],
    ['a cancel of what nobody asked for', { name: 'cancel-tcpip-forward', host: '', port: 22 }, 0],
    ['a port that is none', { name: 'tcpip-forward', host: '', port: 70_000 }, 1],
    ['a path of no length', { name: 'streamlocal-forward@openssh.com', path: '' }, 1],
  ] as const)('answers itself, with failure: %s', (_what, request, notes) => {
    const bench = createBench();
    bench.engine.fromServer({ type: 'ready' });
    bench.ask(request);
    bench.ask(request, false);
    expect(bench.client()).toEqual(['open-confirmation', 'request-failure']);
    expect([bench.server, bench.judged, bench.told.length]).toEqual([[], [], notes]);
  });

  it('lets listen at 100 places', () => {
    const bench = createBench();
    bench.engine.fromServer({ type: 'ready' });
    for (let port = 1; port <= 120; port++) {
      bench.ask({ name: 'tcpip-forward', host: '', port });
      bench.answer(true);
    }
    expect(bench.server).toHaveLength(100);
  });

  it('announces what the target opens', () => {
    const bench = createBench();
    bench.engine.fromServer({ type: 'incoming', number: 1, channel: { type: 'auth-agent@openssh.com' } });
    bench.engine.fromServer({ type: 'ready' });
    bench.engine.fromServer({ type: 'incoming', number: 2, channel: { type: 'auth-agent@openssh.com' } });
    expect(bench.client()).toEqual(['open-confirmation', 'open 2 {"type":"auth-agent@openssh.com"}']);
  });

  it('says why the target cannot be dialled', () => {
    const bench = createBench();
    bench.ask({ name: 'tcpip-forward', host: '', port: 1 });
    bench.engine.fromServer({ type: 'failed', text: 'weir: host key unknown' });
    expect(bench.client()).toEqual(['open-failure 2 weir: host key unknown']);
    expect([bench.told, bench.server]).toEqual([['end'], ['close']]);
  });

  it('says why it ended', () => {
    const bench = createBench();
    bench.engine.fromServer({ type: 'ready' });
    bench.engine.fromServer({ type: 'failed', text: 'weir: the target is gone' });
    expect(bench.client()).toEqual(['open-confirmation', 'disconnect 10 weir: the target is gone']);
  });

  it('ends by a close of the client while a request is decided', async () => {
    let decide: (decision: SshDecision) => void = () => undefined;
    const bench = createBench(
      () =>
        new Promise((resolve) => {
          decide = resolve;
        }),
    );
    bench.engine.fromServer({ type: 'ready' });
    bench.ask({ name: 'tcpip-forward', host: '', port: 1 });
    bench.engine.fromClient(encodeMessage({ type: 'close' }));
    decide(allow);
    await settle();
    expect([bench.server, bench.told]).toEqual([['close'], ['end']]);
  });

  it('ends with a reason at garbage', () => {
    const bench = createBench();
    bench.engine.fromServer({ type: 'ready' });
    bench.engine.fromClient(Buffer.alloc(20, 1));
    expect(bench.client()[1]).toMatch(/^disconnect 2 weir: the client broke the protocol/);
    expect(bench.server).toEqual(['close']);
  });
});
