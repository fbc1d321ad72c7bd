import { type DynamicModule, Module } from '@nestjs/common';
import {
  CONFIRMATION_PAGES,
  type ConfirmationPages,
  ConfirmationPagesController,
} from './confirmation-pages.controller.ts';
import { SshKeysController, USER_CERTIFICATES, USER_KEYS } from './ssh-keys.controller.ts';
import type { UserCertificates } from './user-certificates.ts';
import type { UserKeys } from './user-keys.ts';

@Module({})
class SshSignInModule {}

/** Certificates and keys for the SSH listener, and the page that confirms a sign-in there. */
export function sshSignInModule(
  keys: UserKeys,
  certificates: UserCertificates,
  pages: ConfirmationPages,
): DynamicModule {
  return {
    module: SshSignInModule,
    controllers: [SshKeysController, ConfirmationPagesController],
    providers: [
      { provide: USER_KEYS, useValue: keys },
      { provide: USER_CERTIFICATES, useValue: certificates },
      { provide: CONFIRMATION_PAGES, useValue: pages },
    ],
  };
}
