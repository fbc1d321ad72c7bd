import 'reflect-metadata';
import { type DynamicModule, RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { WeirError } from '@weir/errors';
import { type Declaration, declarationKey } from './permissions.ts';

/** Checks that every route says who may call it, so that none is open by an oversight. @throws WeirError internal that names the method. */
export function requireDeclarations(modules: readonly DynamicModule[]): void {
  for (const { controller, name, handler } of handlersOf(modules)) {
    if (Reflect.hasMetadata(declarationKey, handler)) continue;
    throw new WeirError('internal', `The route ${controller.name}.${name} declares no permission.`, {
      fix: "Add @Public(), @SignedIn() or @Needs('…') to the method.",
    });
  }
}

/** Who may call each route, by its method and path, e.g. `GET /api/v1/users/:name`. */
export function declarationsOf(modules: readonly DynamicModule[]): Map<string, Declaration> {
  return new Map(
    handlersOf(modules).map(({ controller, handler }) => {
      const parts = [controller, handler].map((place) => String(Reflect.getMetadata(PATH_METADATA, place)));
      const path = parts.map((part) => part.replace(/^\/|\/$/g, '')).filter((part) => part !== '');
      const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod];
      return [`${method} /${path.join('/')}`, Reflect.getMetadata(declarationKey, handler) as Declaration];
    }),
  );
}

function handlersOf(modules: readonly DynamicModule[]): { controller: Type; name: string; handler: object }[] {
  return modules
    .flatMap(({ controllers = [] }) => controllers)
    .flatMap((controller) => methodsOf(controller).map(([name, handler]) => ({ controller, name, handler })))
    .filter(({ handler }) => Reflect.hasMetadata(METHOD_METADATA, handler));
}

function methodsOf(controller: Type): [string, object][] {
  const found = Object.getOwnPropertyDescriptors(controller.prototype as object);
  return Object.entries(found).flatMap(([name, { value }]) => (typeof value === 'function' ? [[name, value]] : []));
}
