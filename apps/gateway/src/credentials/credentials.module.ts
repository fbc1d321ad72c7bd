import { type DynamicModule, Module } from '@nestjs/common';
import { CREDENTIALS, CredentialsController } from './credentials.controller.ts';
import type { Credentials } from './credentials.ts';

@Module({})
class CredentialsModule {}

/** Passwords that the gateway keeps. */
export function credentialsModule(useValue: Credentials): DynamicModule {
  return {
    module: CredentialsModule,
    controllers: [CredentialsController],
    providers: [{ provide: CREDENTIALS, useValue }],
  };
}
