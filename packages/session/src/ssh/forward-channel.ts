import type { SshTicket } from '@weir/gate';
import { createForwardEngine, type Destination, type Forward, type ForwardAction, openFailure } from '@weir/wire-ssh';
import type { SessionChannel } from '../protocol-runtime.ts';
import { acceptIncoming, openForwardChannel, refuseIncoming } from '../targets/open-ssh-channel.ts';
import type { TargetChannel, TargetChannelEvent } from '../targets/ssh-channel.ts';
import type { Ssh2Incoming } from '../targets/ssh2-internals.ts';
import { createGround, type SshChannelParts } from './channel-ground.ts';

/** A channel that leads on: from the client through the target, or one that the target opens to the client. `incoming`: of the latter. */
export function createForwardChannel(
  parts: SshChannelParts,
  forward: Forward,
  incoming: Ssh2Incoming | null,
): SessionChannel {
  const { upstream, services } = parts;
  let target: TargetChannel | undefined;
  let isAnswered = false;
  const ground = createGround(parts, () => engine, {
    notice: () => undefined,
    onEnd() {
      stopListening();
      if (incoming !== null && !isAnswered) refuse(openFailure.connectFailed, 'the client is gone');
    },
  });
  const stopListening = upstream.onLost((text) => {
    if (target === undefined) engine.fromServer({ type: 'refused', reason: openFailure.connectFailed, text });
    else engine.fromServer({ type: 'close' });
  });
  const onEvent = (event: TargetChannelEvent) => {
    if (ground.isOver) return;
    if (event.type === 'data') engine.fromServer({ type: 'data', bytes: event.bytes });
    else if (event.type === 'eof' || event.type === 'close') engine.fromServer({ type: event.type });
  };
  const opened = (channel: TargetChannel | null, text: string, reason: number = openFailure.connectFailed) => {
    if (channel === null) return engine.fromServer({ type: 'refused', reason, text });
    if (ground.isOver) return channel.close();
    target = channel;
    ground.join(channel);
    engine.fromServer({ type: 'opened' });
  };
  const refuse = (reason: number, text: string) => {
    isAnswered = true;
    if (incoming !== null && upstream.state.is === 'ready')
      refuseIncoming(upstream.state.dialled.client, incoming, { reason, text });
  };
  const open = () => {
    upstream.settled((state) => {
      if (ground.isOver) return;
      if (state.is === 'failed') return opened(null, state.text);
      const { client } = state.dialled;
      if (incoming !== null) {
        isAnswered = true;
        return opened(acceptIncoming(client, incoming, onEvent), 'the host has too many channels');
      }
      openForwardChannel(client, placeOf(forward), onEvent, (channel, refused) =>
        opened(channel, refused === null ? '' : `weir: the host does not connect it: ${refused.text}`, refused?.reason),
      );
    });
  };
  const toServer = (action: ForwardAction) => {
    if (action.type === 'open') open();
    else if (action.type === 'refuse') refuse(action.reason, action.text);
    else if (action.type === 'data') ground.outflow.toServer(action.bytes);
    else if (action.type === 'eof') target?.eof();
    else target?.close();
  };
  const engine = createForwardEngine(
    {
      toClient: ground.outflow.toClient,
      toServer,
      judge: (request) => ground.gate.judge(request),
      forwardEnded(ticket, { destination, bytesUp, bytesDown, error }) {
        const { number: statement, isRecorded } = ticket as SshTicket;
        if (!isRecorded) return;
        const atMs = services.now();
        if (error !== null) ground.gate.note('forward-failed', error, statement);
        ground.record(
          { event: 'forward', atMs, statement, destination: nameOf(destination), bytesUp, bytesDown },
          true,
        );
      },
      note: (code, text) => ground.gate.note(code, text, null),
      end: () => ground.end('the forward has ended'),
    },
    forward,
    { resumed: () => ground.outflow.unparked() },
  );
  engine.start();
  return ground.channel;
}

function placeOf(forward: Forward) {
  const origin = ('origin' in forward ? forward.origin : null) ?? { host: '127.0.0.1', port: 0 };
  if (forward.kind === 'direct-tcpip') return { ...forward.destination, origin };
  if (forward.kind === 'direct-streamlocal') return forward.destination;
  throw new TypeError(`a channel of kind ${forward.kind} is opened by the target`);
}

function nameOf(destination: Destination | null): string {
  if (destination === null) return '';
  return 'path' in destination ? destination.path : `${destination.host}:${destination.port}`;
}
