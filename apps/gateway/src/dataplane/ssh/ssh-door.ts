import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isWeirError, WeirError } from '@weir/errors';
import { disconnectReason } from '@weir/wire-ssh';
import type { ChannelGround } from '../open-channel.ts';
import type { LiveSession, SshAuthenticator } from '../ports.ts';
import { type Authentication, createAuthentication } from './authentication.ts';
import { createSshConnection, type SshConnection } from './connection.ts';
import { cryptographyReady, offerHostKeys } from './ssh2-protocol.ts';
import { createTransport, type SshTransport } from './transport.ts';

/** What the door needs. */
export interface SshDoorOptions {
  readonly ground: ChannelGround;
  readonly authenticator: SshAuthenticator;
  /** Numbers the next SSH connection of a session, from 1. */
  nextConnection(sessionId: string): number;
  /** Bounds that tests make small. */
  readonly limits?: Partial<SshLimits>;
  log(level: 'info' | 'warn' | 'error', message: string): void;
}

/** What somebody who has not signed in may take of the gateway. */
export interface SshLimits {
  /** Connections that have not signed in, all together and of one address; more are closed at once. */
  readonly maxStrangers: number;
  readonly maxStrangersPerAddress: number;
  /** Milliseconds until a client must have exchanged keys, and until it must have signed in. */
  readonly handshakeMs: number;
  readonly signInMs: number;
  readonly rekey?: { readonly bytes: number; readonly ms: number };
}

/** The front door for SSH clients: native TCP connections and byte streams of `weir connect` and `weir ssh` alike. */
export interface SshDoor {
  native(socket: Socket): void;
  /** A stream whose token has been checked: the session is fixed. */
  connected(session: LiveSession, stream: Duplex, clientAddress: string): void;
  /** Disconnects everybody. */
  close(reason: string): void;
}

const defaults: SshLimits = {
  ...{ maxStrangers: 500, maxStrangersPerAddress: 100 },
  ...{ handshakeMs: 30_000, signInMs: 120_000 },
};

/** Creates the door. Every refusal reaches the client by a banner and the DISCONNECT, and the audit log. */
export function createSshDoor(options: SshDoorOptions): SshDoor {
  const { ground, authenticator, log } = options;
  const limits = { ...defaults, ...options.limits };
  const strangers = createStrangers(limits);
  const transports = new Set<SshTransport>();

  const begin = (stream: Duplex, clientAddress: string, session: LiveSession | null) => {
    const hostKeys = offerHostKeys(authenticator.hostKeys());
    if (!strangers.enter(clientAddress)) {
      stream.on('error', () => stream.destroy());
      stream.destroy();
      return;
    }
    let hasLeft = false;
    const leaveStrangers = () => {
      if (hasLeft) return;
      hasLeft = true;
      strangers.leave(clientAddress);
    };
    const goneController = new AbortController();
    let authentication: Authentication | undefined;
    let connection: SshConnection | undefined;
    let refusal: { code: string; message: string } | undefined;
    let deadline = setTimeout(() => tooSlow('handshake'), limits.handshakeMs);
    const giveTime = (ms: number) => {
      clearTimeout(deadline);
      deadline = setTimeout(() => tooSlow('sign-in'), ms);
    };
    const tooSlow = (what: string) => {
      refusal = { code: 'sign_in_required', message: `the ${what} took too long` };
      transport.disconnect(disconnectReason.byApplication, `weir: the ${what} took too long`);
    };
    const receive = (payload: Buffer) => {
      if (connection !== undefined && authentication?.isDone === true) connection.receive(payload);
      else authentication?.receive(payload);
    };

    const transport = createTransport({
      ...{ stream, hostKeys },
      ...(limits.rekey === undefined ? {} : { rekey: limits.rekey }),
      onReady() {
        giveTime(limits.signInMs);
        authentication = createAuthentication({
          ...{ transport, authenticator, session, clientAddress, gone: goneController.signal, extend: giveTime },
          admit(admitted, isShared) {
            connection = admitClient(admitted, !isShared);
            clearTimeout(deadline);
            leaveStrangers();
          },
          refused: ({ user, code, message }) => {
            refusal = undefined;
            ground.controlPlane.refused({
              ...{ what: 'sign-in', user, clientAddress, code, message },
              sessionId: session?.id ?? null,
            });
          },
        });
      },
      onMessage(payload) {
        try {
          receive(payload);
        } catch (error) {
          const message = isWeirError(error) ? error.message : 'the message cannot be read';
          if (!isWeirError(error)) log('error', `an SSH client's message could not be handled: ${String(error)}`);
          transport.disconnect(disconnectReason.protocolError, `weir: ${message}`);
        }
      },
      onWritable: () => connection?.pump(),
      onProblem: (error) => log('info', `an SSH client at ${clientAddress} cannot be read: ${error.message}`),
      onClosed(reason) {
        transports.delete(transport);
        clearTimeout(deadline);
        leaveStrangers();
        goneController.abort(new WeirError('sign_in_required', reason));
        const last = refusal ?? authentication?.lastRefusal ?? undefined;
        if (connection === undefined && last !== undefined && authentication?.isDone !== true) {
          const user = authentication?.lastRefusal?.user ?? null;
          const sessionId = session?.id ?? null;
          ground.controlPlane.refused({ what: 'sign-in', user, clientAddress, ...last, sessionId });
        }
        connection?.gone(reason);
      },
    });
    transports.add(transport);

    const admitClient = (admitted: LiveSession, isOwn: boolean): SshConnection => {
      const { target } = admitted;
      const end = (reason: string) => {
        if (isOwn) ground.controlPlane.clientLeft(admitted.id, reason);
      };
      if (target.protocol !== 'ssh') {
        end('the connection does not lead to an SSH host');
        throw new WeirError('not_found', `The connection ${admitted.connection.name} does not lead to an SSH host.`, {
          fix: 'Use a client of its protocol.',
        });
      }
      if (transport.isOver) {
        end('the client is gone');
        throw new WeirError('sign_in_required', 'the client is gone');
      }
      return createSshConnection({
        ...{ transport, ground, session: admitted, target, clientAddress, onEnded: end },
        number: options.nextConnection(admitted.id),
      });
    };
  };
  const start = (stream: Duplex, clientAddress: string, session: LiveSession | null) => {
    cryptographyReady
      .then(() => begin(stream, clientAddress, session))
      .catch((error: unknown) => {
        log('error', `an SSH client could not be served: ${String(error)}`);
        stream.destroy();
      });
  };

  return {
    native(socket) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 60_000);
      start(socket, socket.remoteAddress ?? '', null);
    },
    connected: (session, stream, clientAddress) => start(stream, clientAddress, session),
    close(reason) {
      for (const transport of [...transports]) transport.disconnect(disconnectReason.byApplication, reason);
    },
  };
}

/** Counts connections of those who have not signed in. */
function createStrangers({ maxStrangers, maxStrangersPerAddress }: SshLimits) {
  let count = 0;
  const byAddress = new Map<string, number>();
  return {
    enter(address: string): boolean {
      const ofAddress = byAddress.get(address) ?? 0;
      if (count >= maxStrangers || ofAddress >= maxStrangersPerAddress) return false;
      count += 1;
      byAddress.set(address, ofAddress + 1);
      return true;
    },
    leave(address: string): void {
      count -= 1;
      const left = (byAddress.get(address) ?? 1) - 1;
      if (left === 0) byAddress.delete(address);
      else byAddress.set(address, left);
    },
  };
}
