import { Controller, Get, Inject } from '@nestjs/common';
import type { GatewayStatus } from '@weir/api';
import { Needs, Public } from '../identity/permissions.ts';
import type { Status } from './status.ts';

export const STATUS = Symbol('status');

/** Health for probes, state for people. */
@Controller()
export class StatusController {
  constructor(@Inject(STATUS) private readonly statusOf: Status) {}

  @Public()
  @Get('healthz')
  async healthz(): Promise<{ ok: true }> {
    await this.statusOf.checkHealth();
    return { ok: true };
  }

  @Needs('status:read')
  @Get('api/v1/status')
  status(): Promise<GatewayStatus> {
    return this.statusOf.get();
  }
}
