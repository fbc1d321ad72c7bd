import { type DynamicModule, Module } from '@nestjs/common';
import { SSH_ROTATION, SSH_TRUST, SshAuthoritiesController } from './ssh-authorities.controller.ts';
import type { SshRotation } from './ssh-rotation.ts';
import type { SshTrustView } from './ssh-trust.ts';

@Module({})
class SshAuthoritiesModule {}

/** The SSH CAs, and what clients and hosts have to know of them. */
export function sshAuthoritiesModule(rotation: SshRotation, trust: SshTrustView): DynamicModule {
  return {
    module: SshAuthoritiesModule,
    controllers: [SshAuthoritiesController],
    providers: [
      { provide: SSH_ROTATION, useValue: rotation },
      { provide: SSH_TRUST, useValue: trust },
    ],
  };
}
