import type { SessionStart } from '@weir/wire-ssh';
import type { Client } from 'ssh2';
import { channelPacketBytes, channelWindowBytes, TargetChannel, type TargetChannelEvent } from './ssh-channel.ts';
import {
  openRawChannel,
  protocolOf,
  reserveChannel,
  type Ssh2End,
  type Ssh2Incoming,
  type Ssh2Protocol,
} from './ssh2-internals.ts';

/** Why the target opened no channel. `reason`: of RFC 4254, section 5.1. */
export interface OpenRefused {
  readonly reason: number;
  readonly text: string;
}

/** Answers once: with the channel, or why there is none. */
export type ChannelOpened = (channel: TargetChannel | null, refused: OpenRefused | null) => void;

type OnEvent = (event: TargetChannelEvent) => void;

/** Where a forward leads; `origin`: who asked for it. */
export type ForwardTarget =
  | { readonly host: string; readonly port: number; readonly origin: { readonly host: string; readonly port: number } }
  | { readonly path: string };

/** Opens a session channel; nothing runs in it yet. */
export function openSessionChannel(client: Client, onEvent: OnEvent, opened: ChannelOpened): void {
  open(client, 'session', onEvent, opened, (protocol, local) =>
    protocol.session(local, channelWindowBytes, channelPacketBytes),
  );
}

/** Opens a channel that leads on from the target. */
export function openForwardChannel(client: Client, to: ForwardTarget, onEvent: OnEvent, opened: ChannelOpened): void {
  if ('path' in to) {
    open(client, 'direct-streamlocal@openssh.com', onEvent, opened, (protocol, local) =>
      protocol.openssh_directStreamLocal(local, channelWindowBytes, channelPacketBytes, { socketPath: to.path }),
    );
    return;
  }
  const where = { srcIP: to.origin.host, srcPort: to.origin.port, dstIP: to.host, dstPort: to.port };
  open(client, 'direct-tcpip', onEvent, opened, (protocol, local) =>
    protocol.directTcpip(local, channelWindowBytes, channelPacketBytes, where),
  );
}

function open(
  client: Client,
  type: string,
  onEvent: OnEvent,
  opened: ChannelOpened,
  send: (protocol: Ssh2Protocol, local: number) => void,
): void {
  openRawChannel(client, type, send, (error, ends) => {
    if (ends !== undefined) return opened(new TargetChannel(client, type, ends, onEvent), null);
    opened(null, { reason: typeof error?.reason === 'number' ? error.reason : 2, text: textOf(error) });
  });
}

const textOf = (error: Error | undefined) =>
  (error?.message ?? '').replace(/^\(SSH\) Channel open failure: /, '') || 'the host refused the channel';

/** Accepts a channel that the target opens; null = there is no number left for it. */
export function acceptIncoming(client: Client, incoming: Ssh2Incoming, onEvent: OnEvent): TargetChannel | null {
  const id = reserveChannel(client);
  if (id === -1) return null;
  const { sender, window, packetSize, type } = incoming;
  const ends: { incoming: Ssh2End; outgoing: Ssh2End } = {
    incoming: { id, window: channelWindowBytes, packetSize: channelPacketBytes, state: 'open' },
    outgoing: { id: sender, window, packetSize, state: 'open' },
  };
  const channel = new TargetChannel(client, type, ends, onEvent);
  protocolOf(client).channelOpenConfirm(sender, id, channelWindowBytes, channelPacketBytes);
  return channel;
}

/** Refuses a channel that the target opens. */
export function refuseIncoming(client: Client, incoming: Ssh2Incoming, { reason, text }: OpenRefused): void {
  protocolOf(client).channelOpenFail(incoming.sender, reason, text);
}

/** Asks for everything that a program needs, then for the program: all in one go. `done`: null = it runs, else why not. */
export function startProgram(
  channel: TargetChannel,
  start: SessionStart,
  done: (refused: string | null) => void,
): void {
  const { request, terminal, environment, forwardsAgent, x11 } = start;
  let isOver = false;
  const finish = (refused: string | null) => {
    if (isOver) return;
    isOver = true;
    done(refused);
  };
  for (const { variable, value } of environment) channel.request({ name: 'env', variable, value });
  if (terminal !== null)
    channel.request({ name: 'pty-req', ...terminal }, (isDone) => {
      if (!isDone) finish('the host gives no terminal');
    });
  if (forwardsAgent) channel.request({ name: 'auth-agent-req@openssh.com' }, () => undefined);
  if (x11 !== null) channel.request({ name: 'x11-req', ...x11 }, () => undefined);
  const answered = (isDone: boolean) => finish(isDone ? null : `the host does not start ${nameOf(request)}`);
  if (request.kind === 'shell') channel.request({ name: 'shell' }, answered);
  else if (request.kind === 'exec') channel.request({ name: 'exec', command: request.command }, answered);
  else channel.request({ name: 'subsystem', subsystem: request.name }, answered);
}

const nameOf = (request: SessionStart['request']) =>
  request.kind === 'shell' ? 'a shell' : request.kind === 'exec' ? 'the command' : `the subsystem ${request.name}`;
