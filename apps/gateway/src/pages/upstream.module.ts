import { type DynamicModule, Module } from '@nestjs/common';
import { IDENTITIES, IdentitiesController, type IdentityRoutes } from '../identity/providers/identities.controller.ts';
import { UPSTREAM, UpstreamController, type UpstreamPages, UpstreamStartController } from './upstream.controller.ts';

@Module({})
class UpstreamModule {}

/** Sign-in by identity providers, over HTTP. */
export function upstreamModule(pages: UpstreamPages, routes: IdentityRoutes): DynamicModule {
  return {
    module: UpstreamModule,
    controllers: [UpstreamController, UpstreamStartController, IdentitiesController],
    providers: [
      { provide: UPSTREAM, useValue: pages },
      { provide: IDENTITIES, useValue: routes },
    ],
  };
}
