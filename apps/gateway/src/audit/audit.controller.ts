import { Controller, Get, Inject, Query } from '@nestjs/common';
import { type AuditEvent, listAuditQuerySchema } from '@weir/api';
import type { z } from 'zod';
import { type Page, Paging } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { AuditLog } from './audit-log.ts';

export const AUDIT = Symbol('audit');

/** Route of the audit log. */
@Controller('api/v1/audit')
export class AuditController {
  constructor(@Inject(AUDIT) private readonly audit: AuditLog) {}

  @Needs('audit:read')
  @Get()
  list(
    @Query(new ZodPipe(listAuditQuerySchema)) query: z.output<typeof listAuditQuerySchema>,
    @Paging({ query: listAuditQuerySchema }) page: Keyset,
  ): Promise<Page<AuditEvent>> {
    return this.audit.list(query, page);
  }
}
