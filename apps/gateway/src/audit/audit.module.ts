import { type DynamicModule, Module } from '@nestjs/common';
import { AUDIT, AuditController } from './audit.controller.ts';
import type { AuditLog } from './audit-log.ts';

@Module({})
class AuditModule {}

/** The audit log. */
export function auditModule(useValue: AuditLog): DynamicModule {
  return { module: AuditModule, controllers: [AuditController], providers: [{ provide: AUDIT, useValue }] };
}
