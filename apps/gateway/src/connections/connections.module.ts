import { type DynamicModule, Module } from '@nestjs/common';
import { CONNECTIONS, ConnectionsController } from './connections.controller.ts';
import type { Connections } from './connections.ts';

@Module({})
class ConnectionsModule {}

/** Connections that people reach. */
export function connectionsModule(useValue: Connections): DynamicModule {
  return {
    module: ConnectionsModule,
    controllers: [ConnectionsController],
    providers: [{ provide: CONNECTIONS, useValue }],
  };
}
