import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put } from '@nestjs/common';
import { type Connection, type ConnectionSpec, type ConnectionTest, connectionSpecSchema, nameSchema } from '@weir/api';
import { WeirError } from '@weir/errors';
import { type Page, Paging, pageOf } from '../http/paging.ts';
import { OnlyIf, type Precondition } from '../http/precondition.ts';
import type { Tagged } from '../http/tagged.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Keyset } from '../store/keyset.ts';
import type { Connections } from './connections.ts';

export const CONNECTIONS = Symbol('connections');
const name = new ZodPipe(nameSchema);

/** Routes of connections. */
@Controller('api/v1/connections')
export class ConnectionsController {
  constructor(@Inject(CONNECTIONS) private readonly connections: Connections) {}

  @Needs('connections:use')
  @Get()
  async list(@CurrentCaller() caller: Caller, @Paging() page: Keyset): Promise<Page<Connection>> {
    return pageOf(await this.connections.list(caller), page, ({ name }) => [name]);
  }

  @Needs('connections:write')
  @Get(':name')
  get(@Param('name', name) of: string): Promise<Tagged<ConnectionSpec>> {
    return this.connections.read(of);
  }

  @Needs('connections:write')
  @Put(':name')
  put(
    @Param('name', name) of: string,
    @Body(new ZodPipe(connectionSpecSchema)) spec: ConnectionSpec,
    @CurrentCaller() caller: Caller,
    @OnlyIf() onlyIf: Precondition,
  ): Promise<Tagged<Connection>> {
    if (spec.name === of) return this.connections.put(spec, caller, onlyIf);
    throw new WeirError('invalid_request', `The address names ${of}, the body ${spec.name}.`);
  }

  @Needs('connections:write')
  @Delete(':name')
  @HttpCode(204)
  delete(
    @Param('name', name) of: string,
    @CurrentCaller() caller: Caller,
    @OnlyIf() onlyIf: Precondition,
  ): Promise<void> {
    return this.connections.delete(of, caller.name, onlyIf);
  }

  @Needs('connections:test')
  @Post(':name/test')
  @HttpCode(200)
  test(@Param('name', name) of: string, @CurrentCaller() caller: Caller): Promise<ConnectionTest> {
    return this.connections.test(of, caller.name);
  }
}
