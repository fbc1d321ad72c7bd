import { Controller, Get, Header, Inject } from '@nestjs/common';
import { Public } from '../identity/permissions.ts';

export const OPENAPI = Symbol('openapi');

/** Route of the API's own description. */
@Controller('api/v1')
export class OpenApiController {
  constructor(@Inject(OPENAPI) private readonly text: string) {}

  @Public()
  @Get('openapi.json')
  @Header('content-type', 'application/json; charset=utf-8')
  get(): string {
    return this.text;
  }
}
