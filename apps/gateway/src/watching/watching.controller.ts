import { Controller, Get, Header, HttpCode, Inject, Param, Put, StreamableFile } from '@nestjs/common';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Watching } from './watching.ts';

export const WATCHING = Symbol('watching');

/** Routes of those who look at sessions while they happen. */
@Controller('api/v1/sessions/:id/live')
export class WatchingController {
  constructor(@Inject(WATCHING) private readonly watching: Watching) {}

  @Needs('sessions:watch')
  @Get()
  // A proxy that gathers the answer would show it when it is over.
  @Header('x-accel-buffering', 'no')
  async watch(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<StreamableFile> {
    return new StreamableFile(await this.watching.watch(caller, id), { type: 'application/x-ndjson' });
  }

  @Needs('sessions:watch')
  @Put()
  @HttpCode(204)
  keep(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.watching.keep(caller, id);
  }
}
