import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import {
  createPostgresEngine,
  createUpstreamLogin,
  type EngineHost,
  encodeAuthenticationOk,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeNegotiateProtocolVersion,
  encodeParameterStatus,
  encodeReadyForQuery,
  type PostgresEngine,
  parseFirstMessage,
  type StartupRequest,
  type UpstreamReady,
} from '../src/index.ts';
import { createAllowAllHost, type HostLog } from './allow-all-host.ts';

/** A relay with sockets around the engine, for tests with real clients. */
export interface Relay {
  readonly port: number;
  /** One per client connection, in order. */
  readonly logs: HostLog[];
  close(): Promise<void>;
}

export type Overrides = (engine: () => PostgresEngine) => Partial<EngineHost>;

/** Listens on a free port of 127.0.0.1 and relays to the server behind `socketPath`. */
export async function startRelay(socketPath: string, overrides: Overrides = () => ({})): Promise<Relay> {
  const logs: HostLog[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    client.setNoDelay(true);
    sockets.add(client);
    client.on('error', () => client.destroy());
    serve(client, socketPath, overrides, logs, sockets);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    logs,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function serve(client: Socket, socketPath: string, overrides: Overrides, logs: HostLog[], sockets: Set<Socket>): void {
  let buffer: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    const first = parseFirstMessage(buffer);
    if (first.kind === 'need-more') return;
    if (first.kind === 'ssl-request' || first.kind === 'gssenc-request') {
      buffer = first.rest;
      client.write('N');
      return;
    }
    client.off('data', onData);
    if (first.kind === 'startup') open(client, first, socketPath, overrides, logs, sockets);
    else client.destroy();
  };
  client.on('data', onData);
}

function open(
  client: Socket,
  first: StartupRequest,
  socketPath: string,
  overrides: Overrides,
  logs: HostLog[],
  sockets: Set<Socket>,
): void {
  client.pause();
  const upstream = connect(socketPath);
  sockets.add(upstream);
  const { user = 'postgres', database = user, ...parameters } = first.parameters;
  const login = createUpstreamLogin({ user, database, password: null, parameters, minor: first.spokenMinor });
  upstream.on('error', () => client.destroy());
  upstream.on('connect', () => upstream.write(login.start()));
  const onData = (chunk: Buffer) => {
    const step = login.receive(chunk);
    if (step.kind === 'need-more') {
      if (step.send) upstream.write(step.send);
      return;
    }
    upstream.off('data', onData);
    if (step.kind === 'failed') {
      client.end(encodeErrorResponse(step.error));
      upstream.destroy();
      return;
    }
    if (first.needsNegotiation) client.write(encodeNegotiateProtocolVersion(first.spokenMinor, first.protocolOptions));
    client.write(greeting(step));
    logs.push(join(client, upstream, step, overrides));
    if (first.rest.length > 0) client.unshift(first.rest);
    client.resume();
  };
  upstream.on('data', onData);
}

function greeting(step: UpstreamReady): Buffer {
  const statuses = [...step.parameterStatus].map(([name, value]) => encodeParameterStatus(name, value));
  const key = encodeBackendKeyData(step.processId, step.secretKey ?? Buffer.alloc(4));
  return Buffer.concat([encodeAuthenticationOk(), ...statuses, key, encodeReadyForQuery(step.status)]);
}

function join(client: Socket, upstream: Socket, step: UpstreamReady, overrides: Overrides): HostLog {
  const box: { engine?: PostgresEngine } = {};
  const { host, log } = createAllowAllHost({
    toServer: (bytes) => void upstream.write(bytes),
    toClient: (bytes) => void client.write(bytes),
    end: () => {
      client.end();
      upstream.end();
    },
    ...overrides(() => box.engine!),
  });
  const engine = createPostgresEngine(host, { transactionStatus: step.status });
  box.engine = engine;
  if (step.leftover.length > 0) engine.fromServer(step.leftover);
  client.on('data', (chunk: Buffer) => engine.fromClient(chunk));
  upstream.on('data', (chunk: Buffer) => engine.fromServer(chunk));
  client.on('close', () => upstream.destroy());
  upstream.on('close', () => client.end());
  return log;
}
