import { type DynamicModule, Module } from '@nestjs/common';
import type { AgentTwins } from './agent-twins.ts';
import { AGENT_TWINS, AGENTS, AgentsController } from './agents.controller.ts';
import type { Agents } from './agents.ts';
import { AUTHORITY_ROTATION, AuthoritiesController } from './authorities.controller.ts';
import type { AuthorityRotation } from './authority-rotation.ts';

@Module({})
class AgentsModule {}

/** Agents, join tokens, and the CAs that sign agents. */
export function agentsModule(agents: Agents, twins: AgentTwins, rotation: AuthorityRotation): DynamicModule {
  return {
    module: AgentsModule,
    controllers: [AuthoritiesController, AgentsController],
    providers: [
      { provide: AGENTS, useValue: agents },
      { provide: AGENT_TWINS, useValue: twins },
      { provide: AUTHORITY_ROTATION, useValue: rotation },
    ],
  };
}
