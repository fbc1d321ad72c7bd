import 'reflect-metadata';
import type { DynamicModule, Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { WeirError } from '@weir/errors';
import { declarationKey } from './permissions.ts';

/** Checks that every route says who may call it, so that none is open by an oversight. @throws WeirError internal that names the method. */
export function requireDeclarations(modules: readonly DynamicModule[]): void {
  for (const controller of modules.flatMap(({ controllers = [] }) => controllers)) {
    for (const [name, handler] of methodsOf(controller)) {
      if (!Reflect.hasMetadata(METHOD_METADATA, handler) || Reflect.hasMetadata(declarationKey, handler)) continue;
      throw new WeirError('internal', `The route ${controller.name}.${name} declares no permission.`, {
        fix: "Add @Public(), @SignedIn() or @Needs('…') to the method.",
      });
    }
  }
}

function methodsOf(controller: Type): [string, object][] {
  const found = Object.getOwnPropertyDescriptors(controller.prototype as object);
  return Object.entries(found).flatMap(([name, { value }]) => (typeof value === 'function' ? [[name, value]] : []));
}
