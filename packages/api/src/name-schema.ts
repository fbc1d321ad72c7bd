import { z } from 'zod';

/** Names of people, groups, connections, agents: what fits a DNS label, so that they can be part of addresses and file names. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/, 'use a-z, 0-9, dot, dash and underscore, at most 63 characters');
