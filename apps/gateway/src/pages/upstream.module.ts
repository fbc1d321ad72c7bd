import { type DynamicModule, Module } from '@nestjs/common';
import { UPSTREAM, UpstreamController, type UpstreamPages, UpstreamStartController } from './upstream.controller.ts';

@Module({})
class UpstreamModule {}

/** Sign-in by identity providers, over HTTP. */
export function upstreamModule(useValue: UpstreamPages): DynamicModule {
  return {
    module: UpstreamModule,
    controllers: [UpstreamController, UpstreamStartController],
    providers: [{ provide: UPSTREAM, useValue }],
  };
}
