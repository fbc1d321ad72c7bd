import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Req,
  Res,
  type Type,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../permissions.ts';
import { groupKind, isObject, type ResourceKind, type ScimDocument, userKind } from './attributes.ts';
import { checked } from './checked.ts';
import { listQuerySchema } from './list.ts';
import { patchSchema } from './patch.ts';
import { sendResource, sendScim } from './scim-answer.ts';
import { ScimErrorFilter } from './scim-filter.ts';
import { CurrentChange, ScimGuard } from './scim-guard.ts';
import type { ScimChange, ScimResources } from './scim-parts.ts';
import { badRequest } from './scim-refusal.ts';

export const SCIM_USERS = Symbol('scim users');
export const SCIM_GROUPS = Symbol('scim groups');

/** Routes of one kind of resource. They are public to the guard of people: a directory shows itself by a token of its own. */
function resourceController(kind: ResourceKind, token: symbol): Type {
  @Controller(`scim/v2${kind.endpoint}`)
  @UseGuards(ScimGuard)
  @UseFilters(ScimErrorFilter)
  class ResourceController {
    constructor(@Inject(token) private readonly resources: ScimResources) {}

    @Public()
    @Get()
    async list(@Query() query: unknown, @Res() reply: FastifyReply): Promise<void> {
      sendScim(reply, 200, await this.resources.list(checked(listQuerySchema, query)));
    }

    @Public()
    @Get(':id')
    async show(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
      const query = checked(listQuerySchema, request.query);
      sendResource(request, reply, { kind, query, resource: await this.resources.show(id) });
    }

    @Public()
    @Post()
    async create(
      @Body() body: unknown,
      @CurrentChange() change: ScimChange,
      @Req() request: FastifyRequest,
      @Res() reply: FastifyReply,
    ): Promise<void> {
      const query = checked(listQuerySchema, request.query);
      const resource = await this.resources.create(documentOf(body), change);
      sendResource(request, reply, { kind, query, resource, status: 201 });
    }

    @Public()
    @Put(':id')
    async replace(
      @Param('id') id: string,
      @Body() body: unknown,
      @CurrentChange() change: ScimChange,
      @Req() request: FastifyRequest,
      @Res() reply: FastifyReply,
    ): Promise<void> {
      const query = checked(listQuerySchema, request.query);
      sendResource(request, reply, {
        kind,
        query,
        resource: await this.resources.replace(id, documentOf(body), change),
      });
    }

    @Public()
    @Patch(':id')
    async patch(
      @Param('id') id: string,
      @Body() body: unknown,
      @CurrentChange() change: ScimChange,
      @Req() request: FastifyRequest,
      @Res() reply: FastifyReply,
    ): Promise<void> {
      const query = checked(listQuerySchema, request.query);
      const { Operations } = checked(patchSchema, documentOf(body));
      sendResource(request, reply, { kind, query, resource: await this.resources.patch(id, Operations, change) });
    }

    @Public()
    @Delete(':id')
    @HttpCode(204)
    async remove(@Param('id') id: string, @CurrentChange() change: ScimChange): Promise<void> {
      await this.resources.remove(id, change);
    }
  }
  return ResourceController;
}

/** Routes of users. */
export const ScimUsersController = resourceController(userKind, SCIM_USERS);
/** Routes of groups. */
export const ScimGroupsController = resourceController(groupKind, SCIM_GROUPS);

function documentOf(body: unknown): ScimDocument {
  if (isObject(body)) return body;
  throw badRequest('invalidSyntax', 'The body must be a JSON object (application/scim+json).');
}
