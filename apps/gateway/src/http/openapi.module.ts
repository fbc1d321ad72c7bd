import { type DynamicModule, Module } from '@nestjs/common';
import { createOpenApi } from '@weir/api';
import { OPENAPI, OpenApiController } from './openapi.controller.ts';

@Module({})
class OpenApiModule {}

/** The API's own description, made once. */
export function openapiModule(version: string): DynamicModule {
  const text = JSON.stringify(createOpenApi({ version }));
  return {
    module: OpenApiModule,
    controllers: [OpenApiController],
    providers: [{ provide: OPENAPI, useValue: text }],
  };
}
