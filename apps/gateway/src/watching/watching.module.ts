import { type DynamicModule, Module } from '@nestjs/common';
import { WATCHING, WatchingController } from './watching.controller.ts';
import type { Watching } from './watching.ts';

@Module({})
class WatchingModule {}

/** Live views of sessions. */
export function watchingModule(useValue: Watching): DynamicModule {
  return { module: WatchingModule, controllers: [WatchingController], providers: [{ provide: WATCHING, useValue }] };
}
