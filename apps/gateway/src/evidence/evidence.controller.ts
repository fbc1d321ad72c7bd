import { Controller, Get, Inject, Param, StreamableFile } from '@nestjs/common';
import type { RecordingAnchor } from '@weir/api';
import { type Page, Paging } from '../http/paging.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { Evidence } from './evidence.ts';

export const EVIDENCE = Symbol('evidence');

/** Routes of recordings' files, for administrators and auditors. */
@Controller('api/v1/recordings')
export class EvidenceController {
  constructor(@Inject(EVIDENCE) private readonly evidence: Evidence) {}

  @Needs('recordings:read')
  @Get()
  listAnchors(@Paging() page: Keyset): Promise<Page<RecordingAnchor>> {
    return this.evidence.listAnchors(page);
  }

  @Needs('recordings:read')
  @Get(':session')
  async readRecording(@Param('session') session: string, @CurrentCaller() caller: Caller): Promise<StreamableFile> {
    return new StreamableFile(await this.evidence.readRecording(caller, session), { type: 'application/octet-stream' });
  }
}
