import { Body, Controller, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { decideRequestSchema } from '@weir/api';
import { isWeirError, type WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AccessRequests } from '../grants/access-requests.ts';
import { pathOf } from '../http/path-of.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import type { Caller } from '../identity/caller.ts';
import type { SignIn } from '../identity/oauth/sign-in.ts';
import { Public } from '../identity/permissions.ts';
import type { Browsers } from '../pages/browser.ts';
import { html } from '../pages/html.ts';
import { sendPage } from '../pages/render-page.ts';
import type { Approvals } from './approvals.ts';
import { accessBody, inboxBody, requestBody } from './request-page.ts';

export const REQUEST_PAGES = Symbol('request pages');

/** What the pages stand on. */
export interface RequestPages {
  readonly approvals: Approvals;
  readonly accessRequests: Pick<AccessRequests, 'list' | 'show' | 'decide'>;
  readonly signIn: Pick<SignIn, 'callerOf'>;
  readonly browsers: Pick<Browsers, 'idOf' | 'csrfOf' | 'requireOwnForm'>;
}

/** Requests for access and statements that wait have ids of their own kinds. */
const isForAccess = (id: string): boolean => id.startsWith('acc_');

const formSchema = decideRequestSchema.extend({ csrf: z.string().max(100).optional() });
const inbox = { limit: 100, after: null };

/** Pages on which requests are looked at and decided; what the decision means is said by the same use-cases as in the API. They are for browsers that are signed in. */
@Controller('requests')
export class RequestPagesController {
  constructor(@Inject(REQUEST_PAGES) private readonly pages: RequestPages) {}

  @Public()
  @Get()
  async inbox(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.caller(request, reply);
    if (caller === undefined) return;
    const [statements, access] = await Promise.all([
      this.pages.approvals.list(caller, {}, inbox),
      this.pages.accessRequests.list(caller, {}, inbox),
    ]);
    sendPage(reply, { title: 'Requests', body: inboxBody(statements.items, access.items, caller) });
  }

  @Public()
  @Get(':id')
  async show(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.caller(request, reply);
    if (caller === undefined) return;
    await this.page(id, caller, request, reply);
  }

  @Public()
  @Post(':id')
  async decide(
    @Param('id') id: string,
    @Body(new ZodPipe(formSchema)) { csrf, decision, reason }: z.output<typeof formSchema>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.pages.browsers.requireOwnForm(request, csrf);
    const caller = await this.caller(request, reply);
    if (caller === undefined) return;
    try {
      const { approvals, accessRequests } = this.pages;
      await (isForAccess(id) ? accessRequests : approvals).decide(caller, id, { decision, reason });
    } catch (error) {
      if (!isWeirError(error) || error.code === 'internal') throw error;
      await this.page(id, caller, request, reply, error);
      return;
    }
    // A reload shows the request and decides nothing again.
    void reply.redirect(`/requests/${encodeURIComponent(id)}`, 303);
  }

  private async page(
    id: string,
    caller: Caller,
    request: FastifyRequest,
    reply: FastifyReply,
    failed?: WeirError,
  ): Promise<void> {
    try {
      const { approvals, accessRequests, browsers } = this.pages;
      const csrf = browsers.csrfOf(browsers.idOf(request, reply));
      const complaint = failed && `${failed.message} ${failed.why ?? ''}`.trim();
      const body = isForAccess(id)
        ? accessBody(await accessRequests.show(caller, id), csrf, complaint)
        : requestBody(await approvals.show(caller, id), csrf, complaint);
      sendPage(reply, { title: `Request ${id}`, status: failed?.entry.httpStatus ?? 200, body });
    } catch (error) {
      if (!isWeirError(error) || error.code !== 'not_found') throw error;
      sendPage(reply, {
        title: 'No such request',
        status: 404,
        body: html`<p>${error.message} You see requests that you made, and those that a rule lets you decide.</p>
<p><a href="/requests">All requests</a></p>`,
      });
    }
  }

  /** The person of this browser; without one the answer leads to the sign-in and back. */
  private async caller(request: FastifyRequest, reply: FastifyReply): Promise<Caller | undefined> {
    const caller = await this.pages.signIn.callerOf(request);
    if (caller === undefined) {
      void reply.redirect(`/sign-in?next=${encodeURIComponent(pathOf(request.url))}`, 303);
    }
    return caller;
  }
}
