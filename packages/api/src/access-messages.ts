import type { z } from 'zod';
import type * as s from './access-schemas.ts';

/** Types of the bodies about requests for grants, and grants; see messages.ts. */
export type NewAccessRequest = z.input<typeof s.newAccessRequestSchema>;
export type AccessRequest = z.output<typeof s.accessRequestSchema>;
export type AccessRequestState = z.output<typeof s.accessRequestStateSchema>;
export type ListAccessRequestsQuery = Omit<z.input<typeof s.listAccessRequestsQuerySchema>, 'cursor'>;
export type BreakGlassRequest = z.input<typeof s.breakGlassRequestSchema>;
export type Grant = z.output<typeof s.grantSchema>;
export type ListGrantsQuery = Omit<z.input<typeof s.listGrantsQuerySchema>, 'cursor'>;
export type RevokeGrantRequest = z.input<typeof s.revokeGrantRequestSchema>;
export type ReviewGrantRequest = z.input<typeof s.reviewGrantRequestSchema>;
