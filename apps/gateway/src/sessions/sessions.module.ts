import { type DynamicModule, Module } from '@nestjs/common';
import { SESSIONS, SessionsController } from './sessions.controller.ts';
import type { Sessions } from './sessions.ts';

@Module({})
class SessionsModule {}

/** Sessions, live and ended. */
export function sessionsModule(useValue: Sessions): DynamicModule {
  return { module: SessionsModule, controllers: [SessionsController], providers: [{ provide: SESSIONS, useValue }] };
}
