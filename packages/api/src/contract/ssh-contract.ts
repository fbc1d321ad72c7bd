import { z } from 'zod';
import type { RouteName } from '../routes.ts';
import { listQuerySchema } from '../schemas.ts';
import * as ssh from '../ssh-schemas.ts';
import type { RouteContract } from './route-contract.ts';

/** Routes of the SSH CAs and host keys, of certificates and of registered keys. */
export const sshContract = {
  sshTrust: {
    summary: 'CAs and host keys that SSH clients and hosts have to know.',
    needs: 'public',
    status: 200,
    answer: ssh.sshTrustSchema,
  },
  listSshAuthorities: {
    summary: 'The SSH CAs, oldest first.',
    needs: 'ssh:read',
    status: 200,
    query: listQuerySchema,
    answer: z.array(ssh.sshAuthoritySchema),
  },
  rotateSshAuthority: {
    summary: 'Replace an SSH CA; both are trusted for a while.',
    needs: 'ssh:write',
    status: 200,
    params: { purpose: ssh.sshAuthorityPurposeSchema },
    body: ssh.rotateSshAuthorityRequestSchema,
    answer: ssh.sshAuthoritySchema,
    errors: ['conflict'],
  },
  issueSshCertificate: {
    summary: 'A certificate for a key: it signs in at the SSH listener as long as this sign-in lasts.',
    needs: 'account:write',
    status: 201,
    body: ssh.issueSshCertificateRequestSchema,
    answer: ssh.sshCertificateSchema,
  },
  listSshKeys: {
    summary: 'Own keys for the SSH listener.',
    needs: 'account:read',
    status: 200,
    query: listQuerySchema,
    answer: z.array(ssh.sshKeySchema),
  },
  addSshKey: {
    summary: 'Register a key. It needs a sign-in, or a second factor, of the last ten minutes.',
    needs: 'account:write',
    status: 201,
    body: ssh.addSshKeyRequestSchema,
    answer: ssh.sshKeySchema,
    errors: ['conflict'],
  },
  removeSshKey: {
    summary: 'Remove an own key; ends the sessions that it opened.',
    needs: 'account:write',
    status: 204,
    errors: ['not_found'],
  },
  listSshKeysOf: {
    summary: 'Keys of an account for the SSH listener.',
    needs: 'users:read',
    status: 200,
    query: listQuerySchema,
    answer: z.array(ssh.sshKeySchema),
    errors: ['not_found'],
  },
  addSshKeyOf: {
    summary: 'Register a key for another person.',
    needs: 'users:write',
    status: 201,
    body: ssh.addSshKeyRequestSchema,
    answer: ssh.sshKeySchema,
    errors: ['not_found', 'conflict'],
  },
  removeSshKeyOf: {
    summary: 'Remove a key of an account; ends the sessions that it opened.',
    needs: 'users:write',
    status: 204,
    errors: ['not_found'],
  },
} satisfies Partial<Record<RouteName, RouteContract>>;
