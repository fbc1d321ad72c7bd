import { isWeirError, WeirError } from '@weir/errors';
import type { LiveSession } from '../ports.ts';
import type { SshAnswer, SshAttempt, SshAuthenticator, SshMethod, SshVisitor } from '../ssh-ports.ts';
import {
  authenticationFailure,
  authenticationNumber,
  authenticationSuccess,
  banner,
  informationRequest,
  publicKeyOk,
  readAuthenticationRequest,
  readResponses,
  readServiceRequest,
  serviceAccept,
} from './authentication-message.ts';
import type { SshTransport } from './transport.ts';
import { splitUserName } from './user-name.ts';

/** What user authentication of one client stands on. */
export interface AuthenticationParts {
  readonly transport: SshTransport;
  readonly authenticator: SshAuthenticator;
  /** Session of a `weir connect` stream; null = native. */
  readonly session: LiveSession | null;
  readonly clientAddress: string;
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
  /** More time, milliseconds from now: a person is asked something. */
  extend(ms: number): void;
  /** Signed in, and the session is open: prepares the connection; SUCCESS follows. `isShared`: it does not end with this client. @throws WeirError: the client is told and disconnected. */
  admit(session: LiveSession, isShared: boolean): void;
  /** Nobody is signed in and nobody will be. */
  refused(event: { readonly user: string | null; readonly code: string; readonly message: string }): void;
}

/** User authentication of one client (RFC 4252). */
export interface Authentication {
  /** A message before the client is signed in. @throws WeirError protocol_violation. */
  receive(payload: Buffer): void;
  readonly isDone: boolean;
  /** Something that could have signed in was tried. For the log: why it did not. */
  readonly lastRefusal: { readonly user: string; readonly code: string; readonly message: string } | null;
}

/** Refusals of passwords, signatures and answers until the client is disconnected. */
const maxFailures = 6;
/** Keys that a client may ask about: agents hold many. */
const maxQueries = 50;
/** Requests that a client may send ahead. */
const maxPending = 16;
const maxBannerBytes = 8_192;
/** How long a person may take to answer in the browser. */
const questionMs = 300_000;
/** RFC 4253, section 11.1. */
const reason = { protocolError: 2, serviceNotAvailable: 7, noMoreMethods: 14 } as const;
const allMethods: readonly SshMethod[] = ['publickey', 'keyboard-interactive', 'password'];

/** Creates the state machine of one client's sign-in. */
export function createAuthentication(parts: AuthenticationParts): Authentication {
  const { transport, authenticator } = parts;
  let isServiceAccepted = false;
  let isDone = false;
  let isBusy = false;
  let failures = 0;
  let queries = 0;
  let name: string | undefined;
  let visitor: SshVisitor | undefined;
  let question: Extract<SshAnswer, { kind: 'ask' }> | undefined;
  let lastRefusal: Authentication['lastRefusal'] = null;
  /** Requests that came while another was being decided. */
  const pending: Buffer[] = [];

  const end = (code: string, message: string, number: number = reason.noMoreMethods) => {
    isDone = true;
    parts.refused({ user: name ?? null, code, message });
    transport.disconnect(number, message);
  };
  const visitorOf = (user: string): SshVisitor => {
    const { session, clientAddress, gone } = parts;
    const split = splitUserName(user);
    return {
      // A user name of `weir connect` says nothing: the session is fixed.
      ...(session === null ? split : { user, connection: session.connection.name }),
      ...{ session, clientAddress, gone },
      clientVersion: transport.clientVersion,
      sessionIdentifier: transport.sessionIdentifier,
      banner: (text) => {
        if (!isDone) transport.send(banner(text.slice(0, maxBannerBytes)));
      },
    };
  };
  const fail = (methods: readonly SshMethod[], isPartial = false) => {
    transport.send(authenticationFailure(methods, isPartial));
  };

  const accept = async (given: Extract<SshAnswer, { kind: 'accepted' }>): Promise<void> => {
    try {
      const session = await given.open();
      parts.admit(session, parts.session !== null || given.isShared === true);
    } catch (error) {
      const shown = isWeirError(error)
        ? error
        : new WeirError('internal', 'the session could not be opened', { cause: error });
      visitor?.banner(explain(shown));
      end(shown.code, shown.message);
      return;
    }
    if (transport.isOver) return;
    isDone = true;
    transport.send(authenticationSuccess());
  };

  const answer = async (attempt: SshAttempt, given: SshAnswer): Promise<void> => {
    switch (given.kind) {
      case 'accepted':
        return await accept(given);
      case 'sign':
        if (attempt.method === 'publickey') transport.send(publicKeyOk(attempt.algorithm, attempt.key));
        return;
      case 'ask':
        question = given;
        parts.extend(questionMs);
        transport.send(informationRequest(given.question));
        return;
      case 'rejected':
        visitor?.banner(`weir: ${given.message}\n`);
        return end(given.code, given.message);
      case 'refused': {
        const isQuery = attempt.method === 'none' || (attempt.method === 'publickey' && attempt.proof === undefined);
        if (isQuery) queries += 1;
        else if (given.isPartial !== true) {
          failures += 1;
          const { code = 'wrong_password', reason: message = `${attempt.method} was refused` } = given;
          lastRefusal = { user: name ?? '', code, message };
        }
        if (failures >= maxFailures || queries > maxQueries)
          return end('wrong_password', 'Too many authentication failures.');
        fail(given.methods, given.isPartial);
      }
    }
  };

  /** Decides about one request or response, then about those that came meanwhile. */
  const run = (attempt: SshAttempt, decide: () => Promise<SshAnswer>): void => {
    isBusy = true;
    decide()
      .then(async (given) => {
        if (!isDone && !transport.isOver) await answer(attempt, given);
      })
      .catch((error: unknown) => {
        if (isDone || transport.isOver) return;
        const shown = isWeirError(error) ? error : new WeirError('internal', 'the sign-in failed', { cause: error });
        end(shown.code, shown.message);
      })
      .finally(() => {
        isBusy = false;
        const next = pending.shift();
        if (next !== undefined && !isDone && !transport.isOver) request(next);
      });
  };

  const request = (payload: Buffer) => {
    if (isBusy) {
      if (pending.push(payload) > maxPending)
        end('protocol_violation', 'Too many requests at once.', reason.protocolError);
      return;
    }
    const { user, service, attempt } = readAuthenticationRequest(payload, transport.sessionIdentifier);
    if (service !== 'ssh-connection')
      return end('protocol_violation', 'This service is not available.', reason.serviceNotAvailable);
    if (name !== undefined && name !== user)
      return end('protocol_violation', 'The user name must not change.', reason.protocolError);
    name = user;
    // A new request ends a question that was not answered (RFC 4256, section 3.1).
    question = undefined;
    if (attempt === null) {
      queries += 1;
      if (queries > maxQueries) return end('wrong_password', 'Too many authentication failures.');
      return fail(allMethods);
    }
    visitor ??= visitorOf(user);
    const asking = visitor;
    run(attempt, () => authenticator.authenticate(asking, attempt));
  };

  const respond = (payload: Buffer) => {
    const asked = question;
    if (asked === undefined || isBusy) return;
    question = undefined;
    const responses = readResponses(payload, asked.question.prompts.length);
    if (responses === null)
      return end('protocol_violation', 'The answers do not fit the questions.', reason.protocolError);
    run({ method: 'keyboard-interactive', submethods: [] }, () => asked.respond(responses));
  };

  return {
    get isDone() {
      return isDone;
    },
    get lastRefusal() {
      return lastRefusal;
    },
    receive(payload) {
      if (isDone) return;
      const number = payload[0];
      if (number === authenticationNumber.serviceRequest) {
        const service = readServiceRequest(payload);
        if (service !== 'ssh-userauth' || isServiceAccepted)
          return end('protocol_violation', 'This service is not available.', reason.serviceNotAvailable);
        isServiceAccepted = true;
        return transport.send(serviceAccept(service));
      }
      if (!isServiceAccepted || number === undefined || number >= 80)
        return end('protocol_violation', 'The client is not signed in.', reason.protocolError);
      if (number === authenticationNumber.request) request(payload);
      else if (number === authenticationNumber.informationResponse) respond(payload);
    },
  };
}

/** A refusal as people read it before they are disconnected. */
function explain(error: WeirError): string {
  const why = error.why === undefined ? '' : `weir: ${error.why}\n`;
  const fix = error.fix === '' ? '' : `weir: ${error.fix}\n`;
  return `weir: ${error.message}\n${why}${fix}`;
}
