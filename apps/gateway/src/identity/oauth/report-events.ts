import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { Log } from '../../log/create-log.ts';
import { hashOfId, type OAuthRepository } from '../../store/oauth.ts';
import type { UserRepository } from '../../store/users.ts';
import type { AdapterNews } from './oauth-adapter.ts';

interface Reporters {
  readonly audit: AuditLog;
  readonly log: Log;
  readonly oauth: OAuthRepository;
  readonly users: Pick<UserRepository, 'findById'>;
}

/** What the authorization server refuses and ends, as events of the audit log. */
export const reportEvents = {
  /** Reuse that the adapter noticed. */
  ofAdapter: (parts: Reporters): AdapterNews => ({
    onReuse: (model, hash) => {
      reportRevoked(
        parts,
        hash,
        model === 'RefreshToken' ? 'a refresh token was used twice' : 'a code was used twice',
        null,
      );
    },
  }),
  /** A code of a device that is none: somebody may be guessing. */
  ofWrongCode: (parts: Reporters) => (ctx: KoaContextWithOIDC) => {
    const detail = { address: ctx.ip, endpoint: 'device', error: 'unknown_code' };
    parts.audit.later({ actor: 'unknown', action: 'oauth-refused', subject: 'unknown client', detail });
  },
  /** Refusals and revocations of oidc-provider. */
  ofProvider: (provider: Provider, parts: Reporters): void => {
    const refused = (ctx: KoaContextWithOIDC, error: Error): void => {
      const { oidc, ip } = ctx;
      const client = oidc.client?.clientId ?? textOf(oidc.params?.['client_id']);
      const detail = { address: ip, endpoint: oidc.route, error: error.message, ...descriptionOf(error) };
      parts.audit.later({ actor: 'unknown', action: 'oauth-refused', subject: client ?? 'unknown client', detail });
    };
    provider.on('authorization.error', refused);
    provider.on('revocation.error', refused);
    provider.on('device_authorization.error', refused);
    provider.on('code_verification.error', refused);
    provider.on('device_resume.error', refused);
    provider.on('grant.error', (ctx, error) => {
      // A device that asks whether somebody has confirmed yet is no refusal.
      if (!['authorization_pending', 'slow_down'].includes(error.message)) refused(ctx, error);
    });
    provider.on('grant.revoked', (ctx, grantId) => {
      const why = ctx.oidc.route === 'revocation' ? 'signed out' : 'a code or refresh token was used twice';
      reportRevoked(parts, hashOfId(grantId), why, ctx.ip);
    });
    provider.on('server_error', (ctx, error) =>
      parts.log.error('the authorization server failed', error, { path: ctx.path }),
    );
  },
};

function reportRevoked(
  { audit, log, oauth, users }: Reporters,
  hash: Buffer,
  why: string,
  address: string | null,
): void {
  const report = async (): Promise<void> => {
    const grant = await oauth.findGrant(hash);
    const user = grant === undefined ? undefined : await users.findById(grant.user_id);
    const name = user?.name ?? 'unknown';
    const action = why === 'signed out' ? 'logout' : 'sign-in-revoked';
    audit.later({ actor: name, action, subject: name, detail: { client: grant?.client_id ?? null, why, address } });
  };
  report().catch((error: unknown) => log.error('a revoked sign-in could not be reported', error));
}

function descriptionOf(error: Error): { description?: string } {
  const { error_description: description, error_detail: detail } = error as {
    error_description?: string;
    error_detail?: string;
  };
  const text = [description, detail].filter((part) => part !== undefined && part !== '').join(': ');
  return text === '' ? {} : { description: text.slice(0, 300) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, 100) : undefined;
}
