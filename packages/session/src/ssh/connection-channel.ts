import type { SshTicket } from '@weir/gate';
import {
  type ConnectionAction,
  createConnectionEngine,
  encodeGlobalRequest,
  type IncomingChannel,
} from '@weir/wire-ssh';
import type { SessionChannel } from '../protocol-runtime.ts';
import { type Ssh2Incoming, sendGlobalRequest } from '../targets/ssh2-internals.ts';
import { createGround, type SshChannelParts } from './channel-ground.ts';

/** The lane channel that stands for a client's whole SSH connection: it dials, asks the target to listen, and tells what the target opens. */
export function createConnectionChannel(parts: SshChannelParts): SessionChannel {
  const { upstream } = parts;
  const ground = createGround(parts, () => engine, {
    notice: () => undefined,
    onEnd() {
      stopListening();
      upstream.close();
    },
  });
  const failed = (text: string, code: string) => {
    if (ground.isOver) return;
    ground.gate.note(code, text, null);
    engine.fromServer({ type: 'failed', text });
  };
  const stopListening = upstream.onLost((text) => failed(text, 'target-lost'));
  const engine = createConnectionEngine(
    {
      toClient: ground.outflow.toClient,
      toServer(action) {
        if (action.type === 'close') upstream.close();
        else if (upstream.state.is !== 'ready') engine.fromServer({ type: 'answer', isSuccess: false, port: null });
        else
          sendGlobalRequest(upstream.state.dialled.client, requestOf(action), (data) => {
            const port = data !== null && data.length >= 4 ? data.readUInt32BE(0) : null;
            if (!ground.isOver) engine.fromServer({ type: 'answer', isSuccess: data !== null, port });
          });
      },
      judge: (request) => ground.gate.judge(request),
      listenEnded(ticket, error) {
        if (error !== null) ground.gate.note('listen-failed', error, (ticket as SshTicket).number);
      },
      note: (code, text) => ground.gate.note(code, text, null),
      end: () => ground.end('the client closed the connection'),
    },
    { resumed: () => ground.outflow.unparked() },
  );
  upstream.onIncoming((number, incoming) => {
    const channel = channelOf(incoming);
    if (!ground.isOver && channel !== null) engine.fromServer({ type: 'incoming', number, channel });
  });
  upstream.settled((state) => {
    if (state.is === 'failed') return failed(state.text, codeOf(state.error.message));
    if (ground.isOver) return;
    const { serverVersion, hostKey } = state.dialled;
    ground.gate.note('target-reached', `${serverVersion}, host key ${hostKey}`, null);
    engine.fromServer({ type: 'ready' });
  });
  return ground.channel;
}

/** A host that is not the one that was pinned stands out in the record. */
const codeOf = (message: string) =>
  message.includes('HAS CHANGED')
    ? 'host-key-changed'
    : message.includes('is not known yet')
      ? 'host-key-unknown'
      : 'target-failed';

function requestOf({ type, at }: Exclude<ConnectionAction, { type: 'close' }>): Buffer {
  const verb = type === 'listen' ? '' : 'cancel-';
  const request =
    'path' in at
      ? ({ name: `${verb}streamlocal-forward@openssh.com`, path: at.path } as const)
      : ({ name: `${verb}tcpip-forward`, host: at.host, port: at.port } as const);
  return encodeGlobalRequest(request, true).subarray(4);
}

function channelOf({ type, data }: Ssh2Incoming): IncomingChannel | null {
  const origin = { host: data.srcIP ?? '', port: data.srcPort ?? 0 };
  switch (type) {
    case 'forwarded-tcpip':
      return { type, listener: { host: data.destIP ?? '', port: data.destPort ?? 0 }, origin };
    case 'forwarded-streamlocal@openssh.com':
      return { type, path: data.socketPath ?? '' };
    case 'x11':
      return { type, origin };
    case 'auth-agent@openssh.com':
      return { type };
    default:
      return null;
  }
}
