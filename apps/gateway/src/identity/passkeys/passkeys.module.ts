import { type DynamicModule, Module } from '@nestjs/common';
import { AccountPageController } from './account-page.controller.ts';
import { PASSKEY_PAGES, type PasskeyPages, PasskeyPagesController } from './passkey-pages.controller.ts';
import { PASSKEYS, type PasskeyRoutes, PasskeysController } from './passkeys.controller.ts';

@Module({})
class PasskeysModule {}

/** Passkeys: the account's page, sign-in by them, and step-up. */
export function passkeysModule(pages: PasskeyPages, routes: PasskeyRoutes): DynamicModule {
  return {
    module: PasskeysModule,
    controllers: [PasskeyPagesController, AccountPageController, PasskeysController],
    providers: [
      { provide: PASSKEY_PAGES, useValue: pages },
      { provide: PASSKEYS, useValue: routes },
    ],
  };
}
