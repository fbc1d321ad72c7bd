import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import {
  type AgentView,
  type JoinToken,
  type JoinTokenResponse,
  joinTokenIdSchema,
  joinTokenRequestSchema,
  lockAgentRequestSchema,
  nameSchema,
} from '@weir/api';
import type { z } from 'zod';
import { type Page, Paging, pageOf } from '../http/paging.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { AgentTwins } from './agent-twins.ts';
import type { Agents } from './agents.ts';

export const AGENTS = Symbol('agents');
export const AGENT_TWINS = Symbol('agent twins');

/** Routes of agents, for administrators. */
@Controller('api/v1/agents')
export class AgentsController {
  constructor(
    @Inject(AGENTS) private readonly agents: Agents,
    @Inject(AGENT_TWINS) private readonly twins: AgentTwins,
  ) {}

  @Needs('agents:write')
  @Post(':name/lock')
  @HttpCode(204)
  lock(
    @Param('name', new ZodPipe(nameSchema)) name: string,
    @Body(new ZodPipe(lockAgentRequestSchema)) { reason }: z.output<typeof lockAgentRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.twins.lock(name, reason, caller.name);
  }

  @Needs('agents:write')
  @Post(':name/unlock')
  @HttpCode(204)
  unlock(@Param('name', new ZodPipe(nameSchema)) name: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.twins.unlock(name, caller.name);
  }

  @Needs('agents:write')
  @Post('join-tokens')
  @HttpCode(200)
  createJoinToken(
    @Body(new ZodPipe(joinTokenRequestSchema)) token: z.output<typeof joinTokenRequestSchema>,
    @CurrentCaller() caller: Caller,
  ): Promise<JoinTokenResponse> {
    return this.agents.createJoinToken(token, caller.name);
  }

  @Needs('agents:read')
  @Get('join-tokens')
  async listJoinTokens(@Paging() page: Keyset): Promise<Page<JoinToken>> {
    const tokens = await this.agents.listJoinTokens();
    return pageOf(tokens, page, ({ createdAt, id }) => [createdAt, id], 'descending');
  }

  @Needs('agents:write')
  @Delete('join-tokens/:id')
  @HttpCode(204)
  revokeJoinToken(
    @Param('id', new ZodPipe(joinTokenIdSchema)) id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.agents.revokeJoinToken(id, caller.name);
  }

  @Needs('agents:read')
  @Get()
  async list(@Paging() page: Keyset): Promise<Page<AgentView>> {
    return pageOf(await this.agents.list(), page, ({ name, id }) => [name, id]);
  }

  @Needs('agents:write')
  @Delete(':name')
  @HttpCode(204)
  revoke(@Param('name', new ZodPipe(nameSchema)) name: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.agents.revoke(name, caller.name);
  }
}
