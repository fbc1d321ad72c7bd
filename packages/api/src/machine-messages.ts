import type { z } from 'zod';
import type * as s from './machine-schemas.ts';

/** Types of the bodies about service accounts; see messages.ts. */
export type ServiceAccount = z.output<typeof s.serviceAccountSchema>;
export type PutServiceAccountRequest = z.input<typeof s.putServiceAccountRequestSchema>;
export type ServiceKey = z.output<typeof s.serviceKeySchema>;
export type NewServiceKey = z.output<typeof s.newServiceKeySchema>;
export type CreateServiceKeyRequest = z.input<typeof s.createServiceKeyRequestSchema>;
export type RotateServiceKeyRequest = z.input<typeof s.rotateServiceKeyRequestSchema>;
export type Delegation = z.output<typeof s.delegationSchema>;
export type CreateDelegationRequest = z.input<typeof s.createDelegationRequestSchema>;
