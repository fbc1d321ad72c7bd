import { Controller, Get, Inject, Param, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../permissions.ts';
import { resourceTypes, schemas, serviceProviderConfig } from './discovery.ts';
import { sendScim } from './scim-answer.ts';
import { ScimErrorFilter } from './scim-filter.ts';
import { ScimGuard } from './scim-guard.ts';
import type { ScimParts } from './scim-parts.ts';
import { ScimRefusal } from './scim-refusal.ts';

export const SCIM_BASE = Symbol('scim base');

/** Routes by which a directory learns what the service can do. */
@Controller('scim/v2')
@UseGuards(ScimGuard)
@UseFilters(ScimErrorFilter)
export class ScimDiscoveryController {
  constructor(@Inject(SCIM_BASE) private readonly base: ScimParts['base']) {}

  @Public()
  @Get('ServiceProviderConfig')
  config(@Res() reply: FastifyReply): void {
    sendScim(reply, 200, serviceProviderConfig(this.base()));
  }

  @Public()
  @Get('ResourceTypes')
  types(@Res() reply: FastifyReply): void {
    sendScim(reply, 200, listOf(resourceTypes(this.base())));
  }

  @Public()
  @Get('ResourceTypes/:id')
  type(@Param('id') id: string, @Res() reply: FastifyReply): void {
    sendScim(reply, 200, one(resourceTypes(this.base()), id));
  }

  @Public()
  @Get('Schemas')
  schemas(@Res() reply: FastifyReply): void {
    sendScim(reply, 200, listOf(schemas(this.base())));
  }

  @Public()
  @Get('Schemas/:id')
  schema(@Param('id') id: string, @Res() reply: FastifyReply): void {
    sendScim(reply, 200, one(schemas(this.base()), id));
  }
}

function listOf(resources: readonly object[]): object {
  return {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    ...{ totalResults: resources.length, startIndex: 1, itemsPerPage: resources.length, Resources: resources },
  };
}

function one<R extends { readonly id: string }>(resources: readonly R[], id: string): R {
  const found = resources.find((resource) => resource.id === id);
  if (found !== undefined) return found;
  throw new ScimRefusal(404, undefined, 'There is no such description.');
}
