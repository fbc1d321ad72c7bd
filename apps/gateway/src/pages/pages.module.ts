import { type DynamicModule, Module } from '@nestjs/common';
import { PAGES, SignInController, type SignInPages } from './sign-in.controller.ts';

@Module({})
class PagesModule {}

/** Pages for browsers. */
export function pagesModule(useValue: SignInPages): DynamicModule {
  return { module: PagesModule, controllers: [SignInController], providers: [{ provide: PAGES, useValue }] };
}
