import { type DynamicModule, Module } from '@nestjs/common';
import { STATUS, StatusController } from './status.controller.ts';
import type { Status } from './status.ts';

@Module({})
class StatusModule {}

/** Health and state. */
export function statusModule(useValue: Status): DynamicModule {
  return { module: StatusModule, controllers: [StatusController], providers: [{ provide: STATUS, useValue }] };
}
