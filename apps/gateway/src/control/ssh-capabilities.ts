import type { DynamicModule } from '@nestjs/common';
import { WeirError } from '@weir/errors';
import type { GatewayConfig } from '../config/config-schema.ts';
import type { Connections } from '../connections/connections.ts';
import type { LiveSession, SshAuthenticator } from '../dataplane/ports.ts';
import { effectiveRoles } from '../identity/effective-roles.ts';
import type { Identity } from '../identity/identity.ts';
import type { LocalAccounts } from '../identity/local-accounts.ts';
import type { SignIn } from '../identity/oauth/sign-in.ts';
import { createConfirmations } from '../identity/ssh/confirmations.ts';
import { createSshAuthenticator } from '../identity/ssh/ssh-authenticator.ts';
import { sshSignInModule } from '../identity/ssh/ssh-sign-in.module.ts';
import { createUserCertificates } from '../identity/ssh/user-certificates.ts';
import { createUserKeys } from '../identity/ssh/user-keys.ts';
import type { Browsers } from '../pages/browser.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { createHostIdentity } from '../ssh/host-identity.ts';
import { sshAuthoritiesModule } from '../ssh/ssh-authorities.module.ts';
import { createSshRotation, type SshRotation } from '../ssh/ssh-rotation.ts';
import { createSshTrust } from '../ssh/ssh-trust.ts';
import type { Foundation } from './capabilities.ts';

/** What SSH's part stands on beside the foundation. */
export interface SshCapabilityParts {
  readonly identity: Identity;
  readonly connections: Pick<Connections, 'find'>;
  readonly sessions: Sessions;
  readonly local: LocalAccounts;
  readonly signIn: SignIn;
  readonly browsers: Browsers;
  readonly issuer: () => string;
}

/** Who comes in by SSH, and who the gateway is to SSH clients and hosts. */
export interface SshCapabilities {
  readonly authenticator: SshAuthenticator;
  readonly rotation: SshRotation;
  readonly modules: readonly DynamicModule[];
}

/** Wires them. */
export function createSshCapabilities(foundation: Foundation, parts: SshCapabilityParts): SshCapabilities {
  const { config, repositories, ssh: authorities, dataPlane, audit, log, now } = foundation;
  const { sshKeys: keys, users } = repositories;
  const { identity, sessions, local, signIn, browsers, issuer } = parts;
  const named = namesOf(config);
  const names = () => named;
  const certificates = createUserCertificates({ authorities, keys, identity, audit, now });
  const userKeys = createUserKeys({
    ...{ keys, users, local, audit, now },
    endSignIn: (tokenId) => sessions.endSignedInBy({ tokenId }),
  });
  const confirmations = createConfirmations(now);
  const hostIdentity = createHostIdentity({ authorities, names, now });
  const unexpired = (live: LiveSession | undefined): LiveSession | null =>
    live !== undefined && live.expiresAtMs > now() ? live : null;
  const authenticator = createSshAuthenticator({
    ...{ authorities, certificates, keys, users, local, confirmations, issuer, audit, now },
    hostKeys: hostIdentity.hostKeys,
    rolesOf: (user) => effectiveRoles(user, config.identity.roles),
    findByLogin: (user) => unexpired(sessions.live.byLogin(user)?.live),
    openNative: async (caller, connection, address) => {
      const { target } = await parts.connections.find(connection);
      if (target.protocol === 'ssh') return sessions.openNative(caller, connection, address);
      throw new WeirError('not_found', `${connection} is no SSH host.`, { fix: `Use: weir connect ${connection}` });
    },
  });
  const rotation = createSshRotation({ authorities, audit, log, now });
  const modules = [
    sshAuthoritiesModule(rotation, createSshTrust(authorities, dataPlane, names)),
    sshSignInModule(userKeys, certificates, { confirmations, signIn, browsers, audit }),
  ];
  return { authenticator, rotation, modules };
}

/** Under which names clients reach the listener: as configured, where it listens, and where browsers go. */
function namesOf({ publicHost, ssh: { host }, identity: { issuer } }: GatewayConfig): readonly string[] {
  const isWildcard = host === '0.0.0.0' || host === '::';
  return [
    ...publicHost,
    ...(isWildcard ? [] : [host]),
    ...(issuer === undefined ? [] : [new URL(issuer).hostname.replace(/^\[|\]$/g, '')]),
  ];
}
