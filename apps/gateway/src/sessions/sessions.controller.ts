import { Readable } from 'node:stream';
import { Body, Controller, Get, HttpCode, Inject, Ip, Param, Post, Query, StreamableFile } from '@nestjs/common';
import {
  killSessionRequestSchema,
  listSessionsQuerySchema,
  type OpenSessionResponse,
  openSessionRequestSchema,
  type Session,
} from '@weir/api';
import type { z } from 'zod';
import { type Page, Paging } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import { ndjsonOf } from './ndjson.ts';
import type { Sessions } from './sessions.ts';

export const SESSIONS = Symbol('sessions');

/** Routes of sessions. */
@Controller('api/v1/sessions')
export class SessionsController {
  constructor(@Inject(SESSIONS) private readonly sessions: Sessions) {}

  @Needs('sessions:open')
  @Post()
  @HttpCode(201)
  open(
    @Body(new ZodPipe(openSessionRequestSchema)) body: z.output<typeof openSessionRequestSchema>,
    @CurrentCaller() caller: Caller,
    @Ip() address: string,
  ): Promise<OpenSessionResponse> {
    return this.sessions.open(caller, body, address);
  }

  @Needs('sessions:read')
  @Get()
  list(
    @Query(new ZodPipe(listSessionsQuerySchema)) query: z.output<typeof listSessionsQuerySchema>,
    @CurrentCaller() caller: Caller,
    @Paging({ query: listSessionsQuerySchema }) page: Keyset,
  ): Promise<Page<Session>> {
    return this.sessions.list(caller, query, page);
  }

  @Needs('sessions:read')
  @Get(':id')
  show(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<Session> {
    return this.sessions.show(caller, id);
  }

  @Needs('sessions:read')
  @Get(':id/events')
  async events(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<StreamableFile> {
    const events = await this.sessions.events(caller, id);
    return new StreamableFile(Readable.from(ndjsonOf(events)), { type: 'application/x-ndjson' });
  }

  @Needs('sessions:end')
  @Post(':id/kill')
  @HttpCode(204)
  kill(
    @Param('id') id: string,
    @Body(new ZodPipe(killSessionRequestSchema)) { reason }: z.output<typeof killSessionRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.sessions.kill(caller, id, reason);
  }
}
