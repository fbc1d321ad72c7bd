import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { isWeirError, WeirError } from '@weir/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SignIn } from '../identity/oauth/sign-in.ts';
import { Public } from '../identity/permissions.ts';
import type { From, Upstream, UpstreamResult } from '../identity/providers/upstream.ts';
import type { Browsers } from './browser.ts';
import { html } from './html.ts';
import { sendPage } from './render-page.ts';

export const UPSTREAM = Symbol('upstream');

/** What the pages of upstream sign-in stand on. */
export interface UpstreamPages {
  readonly upstream: Upstream;
  readonly signIn: SignIn;
  readonly browsers: Browsers;
}

/** Where browsers come back from identity providers, and where providers say that somebody signed out. */
@Controller('upstream/:provider')
export class UpstreamController {
  constructor(@Inject(UPSTREAM) private readonly pages: UpstreamPages) {}

  @Public()
  @Get('callback')
  async callback(
    @Param('provider') provider: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const [, query = ''] = request.url.split(/\?(.*)/s, 2);
    await this.finish(request, reply, () => this.pages.upstream.callback(provider, query, this.fromOf(request)));
  }

  /** SAML's assertion consumer service. The post comes from the provider's page, so the browser's cookie is not with it: that is checked at the next address. */
  @Public()
  @Post('acs')
  async assertion(
    @Param('provider') provider: string,
    @Body() form: Record<string, unknown> | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await redirectOrPage(reply, () => this.pages.upstream.assertion(provider, form ?? {}, this.fromOf(request)));
  }

  @Public()
  @Get('continue')
  async proceed(
    @Param('provider') provider: string,
    @Query('handle') handle: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const key = typeof handle === 'string' ? handle : '';
    await this.finish(request, reply, () => this.pages.upstream.proceed(provider, key, this.fromOf(request)));
  }

  @Public()
  @Get('metadata')
  @Header('content-type', 'application/samlmetadata+xml')
  metadata(@Param('provider') provider: string): Promise<string> {
    return this.pages.upstream.metadata(provider);
  }

  /** OpenID Connect Back-Channel Logout 1.0, section 2.5: the answer comes when everything has ended. */
  @Public()
  @Post('logout')
  @HttpCode(200)
  async logout(
    @Param('provider') provider: string,
    @Body() form: Record<string, unknown> | undefined,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    const token = form?.['logout_token'];
    if (typeof token !== 'string') throw new WeirError('invalid_request', 'There is no logout_token.');
    await this.pages.upstream.logout(provider, token, this.fromOf(request));
  }

  private fromOf(request: FastifyRequest): From {
    return { browser: this.pages.browsers.tryId(request), address: request.ip };
  }

  private finish(request: FastifyRequest, reply: FastifyReply, work: () => Promise<UpstreamResult>): Promise<void> {
    return redirectOrPage(reply, async () => {
      const { interaction, result } = await work();
      return this.pages.signIn.finish(request, reply, interaction, result);
    });
  }
}

/** Leads to a provider. It is below the sign-in page, because the cookie of a sign-in is sent there alone. */
@Controller('sign-in/:interaction/by')
export class UpstreamStartController {
  constructor(@Inject(UPSTREAM) private readonly pages: UpstreamPages) {}

  /** The sign-in must be one of this browser. */
  @Public()
  @Get(':provider')
  async start(
    @Param('interaction') id: string,
    @Param('provider') provider: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await redirectOrPage(reply, async () => {
      const { signIn, browsers, upstream } = this.pages;
      const interaction = await signIn.findOwn(request, reply, id);
      if (interaction === undefined) {
        throw new WeirError('sign_in_required', 'This sign-in has ended.', {
          why: 'It waited too long, was used, or was begun in another browser.',
          fix: 'Start again where you came from.',
        });
      }
      const browser = browsers.idOf(request, reply);
      return upstream.begin(provider, interaction.id, { browser, address: request.ip });
    });
  }
}

/** Redirects to where the work leads; a person in a browser reads an error as a page. */
async function redirectOrPage(reply: FastifyReply, work: () => Promise<string>): Promise<void> {
  try {
    void reply.redirect(await work(), 303);
  } catch (error) {
    if (!isWeirError(error)) throw error;
    sendPage(reply, {
      title: 'You are not signed in',
      status: error.entry.httpStatus,
      body: html`<p class="error" role="alert">${error.message}</p><p>${error.why}</p><p>${error.fix}</p>
<p><a class="button" href="/sign-in">Sign in again</a></p>`,
    });
  }
}
