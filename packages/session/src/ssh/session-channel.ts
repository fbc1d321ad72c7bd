import type { SshTicket } from '@weir/gate';
import { createSessionEngine, type SessionAction, type SessionStart } from '@weir/wire-ssh';
import type { SessionChannel } from '../protocol-runtime.ts';
import { openSessionChannel, startProgram } from '../targets/open-ssh-channel.ts';
import type { TargetChannel, TargetChannelEvent } from '../targets/ssh-channel.ts';
import { createGround, type SshChannelParts } from './channel-ground.ts';
import { createFileWatch } from './file-watch.ts';
import { createProgramIo } from './program-io.ts';

/** A session channel: one shell, command or subsystem at the target. */
export function createSshSessionChannel(parts: SshChannelParts): SessionChannel {
  const { upstream, services, open } = parts;
  const { now } = services;
  let target: TargetChannel | undefined;
  const ground = createGround(parts, () => engine, {
    notice: (text) => engine.notice(text),
    onPlan: () => io.planChanged(),
    onEnd() {
      stopListening();
      io.close();
    },
  });
  const stopListening = upstream.onLost((text) => {
    if (!ground.isOver) engine.fromServer({ type: 'refused', text });
  });
  const record = ground.record;
  const io = createProgramIo({
    ...{ gate: ground.gate, now, recording: open.recording },
    record: ground.outflow.record,
    release: (stream, bytes) => engine.release(stream, bytes),
    notice: (text) => engine.notice(text),
  });
  const files = createFileWatch(
    () => ground.gate,
    (event) => record(event, false),
    now,
  );

  const onEvent = (event: TargetChannelEvent) => {
    if (ground.isOver) return;
    // The loss of the whole connection has been told already.
    if (event.type === 'close' && upstream.state.is !== 'ready') return;
    engine.fromServer(event);
  };
  const start = (what: SessionStart) => {
    if (what.forwardsAgent) upstream.expect('auth-agent@openssh.com');
    if (what.x11 !== null) upstream.expect('x11');
    upstream.settled((state) => {
      if (ground.isOver) return;
      if (state.is === 'failed') return engine.fromServer({ type: 'refused', text: state.text });
      openSessionChannel(state.dialled.client, onEvent, (channel, refused) => {
        if (ground.isOver) return channel?.close();
        if (channel === null) {
          const text = `weir: the host opens no channel: ${refused?.text ?? ''}`;
          return engine.fromServer({ type: 'refused', text });
        }
        target = channel;
        startProgram(channel, what, (why) => {
          if (ground.isOver) return;
          engine.fromServer(why === null ? { type: 'started' } : { type: 'refused', text: `weir: ${why}` });
        });
        // Behind the request that starts it: what the client has sent meanwhile.
        ground.join(channel);
        for (const action of early.splice(0)) act(channel, action);
      });
    });
  };
  /** What came before the channel was there. Bounded: the lane gives no credit while it is not. */
  const early: SessionAction[] = [];
  const act = (channel: TargetChannel, action: SessionAction) => {
    switch (action.type) {
      case 'data':
        return ground.outflow.toServer(action.bytes);
      case 'eof':
        return channel.eof();
      case 'window-change':
        return channel.request({ ...action, name: 'window-change' });
      case 'signal':
        return channel.request({ name: 'signal', signal: action.signal });
      case 'break':
        return channel.request({ name: 'break', lengthMs: action.lengthMs });
      case 'close':
        return channel.close();
      default:
        return undefined;
    }
  };

  const engine = createSessionEngine(
    {
      toClient: ground.outflow.toClient,
      toServer(action) {
        if (action.type === 'start') start(action.start);
        else if (target !== undefined) act(target, action);
        else if (action.type !== 'close') early.push(action);
      },
      judge(request) {
        const decision = ground.gate.judge(request);
        if (decision instanceof Promise)
          return decision.then((made) => {
            if (made.action === 'forward') files.passed(request, made.ticket);
            return made;
          });
        if (decision.action === 'forward') files.passed(request, decision.ticket);
        return decision;
      },
      output: (ticket, stream, bytes) => io.output(ticket as SshTicket, stream, bytes),
      outputEnded: (ticket, stream) => io.outputEnded(ticket as SshTicket, stream),
      input: (ticket, bytes) => io.input(ticket as SshTicket, bytes),
      inputEnded: () => io.inputEnded(),
      resized(size, terminal) {
        io.resized(size, terminal);
      },
      exited: (ticket, exit) => io.exited(ticket as SshTicket, exit),
      hash: files.hash?.bind(files) ?? (() => undefined as never),
      content: files.content.bind(files),
      fileEnded: files.fileEnded.bind(files),
      note: (code, text) => ground.gate.note(code, text, null),
      end: () => ground.end('the channel has ended'),
    },
    { resumed: () => ground.outflow.unparked() },
  );
  return ground.channel;
}
