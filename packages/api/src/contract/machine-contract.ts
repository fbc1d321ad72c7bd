import { z } from 'zod';
import * as m from '../machine-schemas.ts';
import type { RouteName } from '../routes.ts';
import { listQuerySchema } from '../schemas.ts';
import type { RouteContract } from './route-contract.ts';

/** Routes of service accounts, their keys, and of people who let them act for themselves. */
export const machineContract = {
  listServiceAccounts: {
    summary: 'All accounts of services and AI agents.',
    needs: 'users:read',
    status: 200,
    query: listQuerySchema,
    answer: z.array(m.serviceAccountSchema),
  },
  showServiceAccount: {
    summary: 'One account of a service or an AI agent.',
    needs: 'users:read',
    status: 200,
    answer: m.serviceAccountSchema,
    errors: ['not_found'],
  },
  putServiceAccount: {
    summary: 'Add a service account, or change what is given.',
    needs: 'users:write',
    status: 200,
    body: m.putServiceAccountRequestSchema,
    answer: m.serviceAccountSchema,
    errors: ['not_found', 'conflict'],
  },
  deleteServiceAccount: {
    summary: 'Delete a service account with its keys, and end what it has open.',
    needs: 'users:write',
    status: 204,
    errors: ['not_found', 'conflict'],
  },
  listServiceKeys: {
    summary: 'Keys of a service account, newest first, without the keys themselves.',
    needs: 'users:read',
    status: 200,
    query: listQuerySchema,
    answer: z.array(m.serviceKeySchema),
    errors: ['not_found'],
  },
  createServiceKey: {
    summary: 'Make a key. It is shown this once.',
    needs: 'users:write',
    status: 201,
    body: m.createServiceKeyRequestSchema,
    answer: m.newServiceKeySchema,
    errors: ['not_found', 'conflict'],
  },
  rotateServiceKey: {
    summary: 'Make a key like this one, which ends soon. The new one is shown this once.',
    needs: 'users:write',
    status: 201,
    body: m.rotateServiceKeyRequestSchema,
    answer: m.newServiceKeySchema,
    errors: ['not_found', 'conflict'],
  },
  revokeServiceKey: {
    summary: 'End a key and all that was opened by it.',
    needs: 'users:write',
    status: 204,
    errors: ['not_found', 'conflict'],
  },
  listDelegations: {
    summary: 'Who may act for the caller now; for a service: for whom it may act.',
    needs: 'account:read',
    status: 200,
    query: listQuerySchema,
    answer: z.array(m.delegationSchema),
  },
  createDelegation: {
    summary: 'Let a service or an AI agent act for oneself for a while.',
    needs: 'account:write',
    status: 201,
    body: m.createDelegationRequestSchema,
    answer: m.delegationSchema,
    errors: ['not_found'],
  },
  revokeDelegation: {
    summary: 'Let nobody act for oneself by this any more; sessions that do end.',
    needs: 'account:write',
    status: 204,
    errors: ['not_found', 'conflict'],
  },
} as const satisfies Partial<Record<RouteName, RouteContract>>;
