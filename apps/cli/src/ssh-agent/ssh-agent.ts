import type { KeyObject } from 'node:crypto';
import { connect } from 'node:net';
import { WeirError } from '@weir/errors';
import type { SshCertificate } from '@weir/ssh-certificate';
import type { Cli } from '../cli.ts';
import { addCertificate, isSuccess, removeIdentity, requestIdentities, tryIdentities } from './agent-message.ts';

/** The user's running ssh-agent. */
export interface SshAgent {
  /** @returns false when the agent does not take it */
  add(key: KeyObject, certificate: SshCertificate, seconds: number, comment: string): Promise<boolean>;
  /** @returns false when it has no such key */
  remove(blob: Uint8Array): Promise<boolean>;
  has(blob: Uint8Array): Promise<boolean>;
}

const timeoutMs = 5_000;
const maxAnswerBytes = 262_144;

/** The agent at SSH_AUTH_SOCK; undefined when there is none. */
export function findSshAgent({ env }: Pick<Cli, 'env'>): SshAgent | undefined {
  const path = env['SSH_AUTH_SOCK'];
  if (path === undefined || path === '') return undefined;
  return {
    add: async (...parts) => isSuccess(await ask(path, addCertificate(...parts))),
    remove: async (blob) => isSuccess(await ask(path, removeIdentity(blob))),
    has: async (blob) => (tryIdentities(await ask(path, requestIdentities())) ?? []).some((held) => held.equals(blob)),
  };
}

/** One question and its answer, without its length. @throws WeirError gateway_unavailable when the agent does not answer. */
function ask(path: string, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let received = Buffer.alloc(0);
    const fail = (why: string, cause?: unknown): void => {
      socket.destroy();
      const more = cause === undefined ? {} : { cause };
      reject(
        new WeirError('not_found', 'The ssh-agent does not answer.', {
          why,
          fix: 'Start one, or unset SSH_AUTH_SOCK.',
          ...more,
        }),
      );
    };
    socket.setTimeout(timeoutMs, () => fail(`Nothing came within ${timeoutMs / 1000} seconds.`));
    socket.on('error', (error) => fail(error.message, error));
    socket.on('end', () => fail('It closed the connection.'));
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length < 4) return;
      const length = received.readUInt32BE(0);
      if (length > maxAnswerBytes) return fail('Its answer is too long.');
      if (received.length < 4 + length) return;
      socket.destroy();
      resolve(received.subarray(4, 4 + length));
    });
    socket.write(message);
  });
}
