import type { Duplex } from 'node:stream';
import type { WeirError } from '@weir/errors';
import { createMessageBoundary, encodeErrorResponse, fieldsOfWeirError } from '@weir/wire-postgres';
import { type ClientSide, createRelay, type Relay, type RelayEnd, type RelayParts } from '../relay.ts';

/** What joins a PostgreSQL client to its channel. */
export interface PostgresRelayParts extends RelayParts {
  readonly client: Duplex;
  /** Client bytes that arrived behind the start-up. */
  readonly early: Buffer;
}

/** How long a client may take to read why its channel was cut. */
const lingerMs = 5_000;
/** How long a cut waits for the end of a message. */
const messageEndMs = 300;

/** Creates the relay of a PostgreSQL connection: its bytes go on as they are, a cut is a FATAL error between two messages. */
export function createPostgresRelay(parts: PostgresRelayParts): Relay {
  return createRelay(parts, (end) => createPostgresClient(parts.client, parts.early, end));
}

function createPostgresClient(client: Duplex, early: Buffer, end: RelayEnd): ClientSide {
  const boundary = createMessageBoundary();
  /** Set while a cut waits for the end of the message that the client is in the middle of. */
  let cutting: { readonly error: WeirError; readonly done: () => void } | undefined;
  const sayFarewell = (error: WeirError | undefined, done: () => void) => {
    if (client.writable)
      client.end(error === undefined ? undefined : encodeErrorResponse(fieldsOfWeirError(error, 'FATAL')));
    // A client that does not read (or was not read) must not keep its connection and what is queued for it.
    client.resume();
    setTimeout(() => client.destroy(), lingerMs).unref();
    cutting = undefined;
    done();
  };
  /** The rest of the message that was under way, then the reason. */
  const finishMessage = (data: Buffer, { error, done }: NonNullable<typeof cutting>): boolean => {
    const rest = boundary.followToEnd(data);
    client.write(data.subarray(0, rest));
    if (rest === undefined) return true;
    sayFarewell(error, done);
    return false;
  };
  let isGathering = false;
  /** What is delivered in one turn of the event loop leaves in one system call. */
  const gatherWrites = () => {
    if (isGathering) return;
    isGathering = true;
    client.cork();
    setImmediate(() => {
      isGathering = false;
      client.uncork();
    });
  };

  client.on('drain', end.giveCredit);
  client.on('error', () => end.gone('the client connection failed'));
  client.on('close', () => end.gone('the client is gone'));
  client.on('end', end.noMoreFromClient);

  return {
    start() {
      if (early.length > 0) end.toAgent(early);
      client.on('data', (chunk: Buffer) => {
        if (!end.toAgent(chunk)) client.pause();
      });
      client.resume();
    },
    deliver(data) {
      // An answer to a client that has gone is dropped, its credit returned, so that the agent can finish.
      if (!client.writable) return true;
      if (cutting !== undefined) return finishMessage(data, cutting);
      boundary.follow(data);
      gatherWrites();
      return client.write(data);
    },
    finish: () => void client.end(),
    resumeReading: () => void client.resume(),
    cut(error, done) {
      // An error in the middle of a row would be read as a part of it.
      if (boundary.isBetweenMessages) return sayFarewell(error, done);
      cutting = { error, done };
      setTimeout(() => cutting && sayFarewell(undefined, done), messageEndMs).unref();
    },
  };
}
