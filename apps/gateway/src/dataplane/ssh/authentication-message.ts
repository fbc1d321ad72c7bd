import { FieldReader, FieldWriter } from '@weir/wire-ssh';
import type { SshAttempt, SshMethod, SshQuestion } from '../ssh-ports.ts';

/** Numbers of the messages of user authentication (RFC 4252, section 6; RFC 4256, section 5). */
export const authenticationNumber = {
  serviceRequest: 5,
  serviceAccept: 6,
  request: 50,
  failure: 51,
  success: 52,
  banner: 53,
  publicKeyOk: 60,
  informationRequest: 60,
  informationResponse: 61,
} as const;

/** A USERAUTH_REQUEST. `attempt` null = a method that is not known here. */
export interface AuthenticationRequest {
  readonly user: string;
  readonly service: string;
  readonly attempt: SshAttempt | null;
}

/** Most prompts and responses of one question. */
const maxResponses = 16;

/** The name of the service that a client asks for. @throws WeirError protocol_violation. */
export function readServiceRequest(payload: Buffer): string {
  const fields = new FieldReader(payload, 1);
  const name = fields.text();
  fields.finish();
  return name;
}

/** Reads a USERAUTH_REQUEST. @throws WeirError protocol_violation. */
export function readAuthenticationRequest(payload: Buffer, sessionIdentifier: Buffer): AuthenticationRequest {
  const fields = new FieldReader(payload, 1);
  const user = fields.text();
  const service = fields.text();
  const attempt = readAttempt(fields.text(), fields, payload, sessionIdentifier);
  if (attempt !== null) fields.finish();
  return { user, service, attempt };
}

function readAttempt(
  method: string,
  fields: FieldReader,
  payload: Buffer,
  sessionIdentifier: Buffer,
): SshAttempt | null {
  switch (method) {
    case 'none':
      return { method };
    case 'password': {
      const isChange = fields.boolean();
      const password = fields.text();
      if (isChange) {
        fields.text();
        return null;
      }
      return { method, password };
    }
    case 'publickey': {
      const isSigned = fields.boolean();
      const algorithm = fields.text();
      const key = fields.bytes();
      if (!isSigned) return { method, algorithm, key };
      const signed = payload.subarray(0, fields.position);
      const signature = fields.bytes();
      const length = Buffer.alloc(4);
      length.writeUInt32BE(sessionIdentifier.length);
      const data = Buffer.concat([length, sessionIdentifier, signed]);
      return { method, algorithm, key, proof: { signature, data } };
    }
    case 'keyboard-interactive': {
      fields.bytes(); // language
      const submethods = fields.text();
      return { method, submethods: submethods === '' ? [] : submethods.split(',') };
    }
    default:
      return null;
  }
}

/** Reads the responses of keyboard-interactive. @throws WeirError protocol_violation; null = not as many as were asked for */
export function readResponses(payload: Buffer, expected: number): string[] | null {
  const fields = new FieldReader(payload, 1);
  const count = fields.uint32();
  if (count !== expected || count > maxResponses) return null;
  const responses: string[] = [];
  while (responses.length < count) responses.push(fields.text());
  fields.finish();
  return responses;
}

const message = (number: number, size = 64) => new FieldWriter(size).byte(number);
/** Without the length that messages have on lanes. */
const taken = (fields: FieldWriter) => fields.take().subarray(4);

/** SERVICE_ACCEPT. */
export const serviceAccept = (name: string) => taken(message(authenticationNumber.serviceAccept).text(name));
/** USERAUTH_FAILURE with the methods that can go on. */
export const authenticationFailure = (methods: readonly SshMethod[], isPartial: boolean) =>
  taken(message(authenticationNumber.failure).text(methods.join(',')).boolean(isPartial));
/** USERAUTH_SUCCESS. */
export const authenticationSuccess = () => taken(message(authenticationNumber.success));
/** USERAUTH_BANNER; line ends become CR LF. */
export const banner = (text: string) =>
  taken(
    message(authenticationNumber.banner, 64 + text.length)
      .text(text.replace(/\r?\n/g, '\r\n'))
      .text(''),
  );
/** USERAUTH_PK_OK. */
export const publicKeyOk = (algorithm: string, key: Buffer) =>
  taken(
    message(authenticationNumber.publicKeyOk, 64 + key.length)
      .text(algorithm)
      .bytes(key),
  );
/** USERAUTH_INFO_REQUEST. */
export function informationRequest({ name, instruction, prompts }: SshQuestion): Buffer {
  const fields = message(authenticationNumber.informationRequest, 256).text(name).text(instruction).text('');
  fields.uint32(prompts.length);
  for (const { text, isEchoed } of prompts) fields.text(text).boolean(isEchoed);
  return taken(fields);
}
