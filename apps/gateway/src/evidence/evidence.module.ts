import { type DynamicModule, Module } from '@nestjs/common';
import { EVIDENCE, EvidenceController } from './evidence.controller.ts';
import type { Evidence } from './evidence.ts';

@Module({})
class EvidenceModule {}

/** Recordings and their anchors. */
export function evidenceModule(useValue: Evidence): DynamicModule {
  return { module: EvidenceModule, controllers: [EvidenceController], providers: [{ provide: EVIDENCE, useValue }] };
}
