import { z } from 'zod';
import * as a from '../access-schemas.ts';
import type { RouteName } from '../routes.ts';
import { decideRequestSchema } from '../schemas.ts';
import type { RouteContract } from './route-contract.ts';

/** Routes of access requests and grants. */
export const accessContract = {
  newAccessRequest: {
    summary: 'Ask for access to a connection for a while.',
    needs: 'requests:write',
    status: 201,
    body: a.newAccessRequestSchema,
    answer: a.accessRequestSchema,
    errors: ['not_found', 'conflict'],
  },
  listAccessRequests: {
    summary: 'Access requests, newest first: own ones and those that the caller may decide.',
    needs: 'requests:read',
    status: 200,
    query: a.listAccessRequestsQuerySchema,
    answer: z.array(a.accessRequestSchema),
  },
  showAccessRequest: {
    summary: 'One access request.',
    needs: 'requests:read',
    status: 200,
    answer: a.accessRequestSchema,
    errors: ['not_found'],
  },
  decideAccessRequest: {
    summary: 'Approve or deny an access request.',
    needs: 'requests:decide',
    status: 200,
    body: decideRequestSchema,
    answer: a.accessRequestSchema,
    errors: ['not_found', 'conflict', 'self_approval'],
  },
  cancelAccessRequest: {
    summary: 'Take an own access request back.',
    needs: 'requests:write',
    status: 200,
    answer: a.accessRequestSchema,
    errors: ['not_found', 'conflict'],
  },
  listGrants: {
    summary: 'Grants, newest first: own ones and those that the caller watches over.',
    needs: 'grants:read',
    status: 200,
    query: a.listGrantsQuerySchema,
    answer: z.array(a.grantSchema),
  },
  showGrant: {
    summary: 'One grant.',
    needs: 'grants:read',
    status: 200,
    answer: a.grantSchema,
    errors: ['not_found'],
  },
  revokeGrant: {
    summary: 'End a grant, and its sessions, before it ends by itself.',
    needs: 'grants:write',
    status: 200,
    body: a.revokeGrantRequestSchema,
    answer: a.grantSchema,
    errors: ['not_found', 'conflict'],
  },
  breakGlass: {
    summary: 'Take access at once; a review follows.',
    needs: 'grants:write',
    status: 201,
    body: a.breakGlassRequestSchema,
    answer: a.grantSchema,
    errors: ['not_found', 'conflict'],
  },
  reviewGrant: {
    summary: 'Say what was found about a break-glass.',
    needs: 'grants:write',
    status: 200,
    body: a.reviewGrantRequestSchema,
    answer: a.grantSchema,
    errors: ['not_found', 'conflict', 'self_approval'],
  },
} as const satisfies Partial<Record<RouteName, RouteContract>>;
