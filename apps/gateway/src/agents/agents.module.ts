import { type DynamicModule, Module } from '@nestjs/common';
import { AGENTS, AgentsController } from './agents.controller.ts';
import type { Agents } from './agents.ts';

@Module({})
class AgentsModule {}

/** Agents and join tokens. */
export function agentsModule(useValue: Agents): DynamicModule {
  return { module: AgentsModule, controllers: [AgentsController], providers: [{ provide: AGENTS, useValue }] };
}
