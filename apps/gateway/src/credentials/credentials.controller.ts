import { Body, Controller, Delete, HttpCode, Inject, Param, Put } from '@nestjs/common';
import { nameSchema, type PutCredentialRequest, putCredentialRequestSchema } from '@weir/api';
import { ZodPipe } from '../http/zod-pipe.ts';
import { CurrentCaller } from '../identity/auth-guard.ts';
import type { Caller } from '../identity/caller.ts';
import { Needs } from '../identity/permissions.ts';
import type { Credentials } from './credentials.ts';

export const CREDENTIALS = Symbol('credentials');
const name = new ZodPipe(nameSchema);

/** Routes of stored passwords: there is none that shows one. */
@Controller('api/v1/connections/:name/credential')
export class CredentialsController {
  constructor(@Inject(CREDENTIALS) private readonly credentials: Credentials) {}

  @Needs('connections:write')
  @Put()
  @HttpCode(204)
  put(
    @Param('name', name) of: string,
    @Body(new ZodPipe(putCredentialRequestSchema)) { password }: PutCredentialRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.credentials.put(of, password, caller.name);
  }

  @Needs('connections:write')
  @Delete()
  @HttpCode(204)
  delete(@Param('name', name) of: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.credentials.delete(of, caller.name);
  }
}
