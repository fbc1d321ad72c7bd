import { type DynamicModule, Module } from '@nestjs/common';
import type { AgentTwins } from './agent-twins.ts';
import { AGENT_TWINS, AGENTS, AgentsController } from './agents.controller.ts';
import type { Agents } from './agents.ts';

@Module({})
class AgentsModule {}

/** Agents and join tokens. */
export function agentsModule(agents: Agents, twins: AgentTwins): DynamicModule {
  return {
    module: AgentsModule,
    controllers: [AgentsController],
    providers: [
      { provide: AGENTS, useValue: agents },
      { provide: AGENT_TWINS, useValue: twins },
    ],
  };
}
