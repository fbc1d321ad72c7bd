import { join } from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import { formatKeyLine } from '@weir/ssh-certificate';
import { type Access, createAccess } from '../access/access.ts';
import { createAgentTwins } from '../agents/agent-twins.ts';
import { agentsModule } from '../agents/agents.module.ts';
import { type Agents, createAgents } from '../agents/agents.ts';
import type { Authorities } from '../agents/authorities.ts';
import { type AuthorityRotation, createAuthorityRotation } from '../agents/authority-rotation.ts';
import { type ApprovalClock, createApprovalClock } from '../approvals/approval-clock.ts';
import { approvalsModule } from '../approvals/approvals.module.ts';
import { type Approvals, createApprovals } from '../approvals/approvals.ts';
import { type AskParts, withdrawAsksOf } from '../approvals/ask-approval.ts';
import { type Circumstances, createCircumstances, type Standing } from '../approvals/circumstances.ts';
import { createWaitingAsks } from '../approvals/waiting-asks.ts';
import { auditModule } from '../audit/audit.module.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { budgetsModule } from '../budgets/budgets.module.ts';
import { type Budgets, createBudgets } from '../budgets/budgets.ts';
import type { GatewayConfig } from '../config/config-schema.ts';
import { connectionsModule } from '../connections/connections.module.ts';
import { type Connections, createConnections } from '../connections/connections.ts';
import { credentialsModule } from '../credentials/credentials.module.ts';
import { type Credentials, createCredentials } from '../credentials/credentials.ts';
import type { KeyProvider } from '../credentials/key-provider.ts';
import type { ControlPlane, Journal, LiveSession } from '../dataplane/ports.ts';
import { evidenceModule } from '../evidence/evidence.module.ts';
import { createEvidence, type Evidence } from '../evidence/evidence.ts';
import { type AccessRequests, createAccessRequests } from '../grants/access-requests.ts';
import { createGrantBook } from '../grants/grant-book.ts';
import { createGrantClock, type GrantClock } from '../grants/grant-clock.ts';
import { grantsModule } from '../grants/grants.module.ts';
import { createGrants, type Grants } from '../grants/grants.ts';
import type { GrantParts } from '../grants/parts.ts';
import { openapiModule } from '../http/openapi.module.ts';
import { pathOf } from '../http/path-of.ts';
import { createPasswordSignIn } from '../identity/check-password.ts';
import { effectiveRoles } from '../identity/effective-roles.ts';
import { identityModule } from '../identity/identity.module.ts';
import { createIdentity, type Identity } from '../identity/identity.ts';
import { createLocalAccounts, type LocalAccounts } from '../identity/local-accounts.ts';
import { createLoginThrottle } from '../identity/login-throttle.ts';
import { createAccessTokens } from '../identity/oauth/access-tokens.ts';
import { type AuthorizationServer, createAuthorizationServer } from '../identity/oauth/authorization-server.ts';
import { createSignInEnds, type SignInEnds } from '../identity/oauth/ended-sign-ins.ts';
import { createSignIn, type SignIn } from '../identity/oauth/sign-in.ts';
import type { SignMachineIn } from '../identity/oauth/token-exchange.ts';
import { passkeysModule } from '../identity/passkeys/passkeys.module.ts';
import { createPasskeys } from '../identity/passkeys/passkeys.ts';
import { canHavePasskeys } from '../identity/passkeys/relying-party.ts';
import { createStepUp } from '../identity/passkeys/step-up.ts';
import { createPasswordChecker } from '../identity/passwords.ts';
import { createUpstreamIdentities } from '../identity/providers/identities.ts';
import { createUpstream, type Provider } from '../identity/providers/upstream.ts';
import { createUpstreamWatch, type UpstreamWatch } from '../identity/providers/upstream-watch.ts';
import { scimModule } from '../identity/scim/scim.module.ts';
import type { ScimTokens } from '../identity/scim/scim-tokens.ts';
import { serviceAccountsModule } from '../identity/service-accounts/service-accounts.module.ts';
import { isSshSignInEnded } from '../identity/ssh/ssh-sign-ins.ts';
import { createIssuerKeys } from '../identity/workload/issuer-keys.ts';
import { signMachineIn } from '../identity/workload/machine-sign-in.ts';
import { createMachineStanding, type MachineStanding } from '../identity/workload/machine-standing.ts';
import type { Log } from '../log/create-log.ts';
import { notificationsModule } from '../notifications/notifications.module.ts';
import { createNotifications, type Notifications } from '../notifications/notifications.ts';
import type { OpenChannels } from '../notifications/open-channels.ts';
import { createSlackInteractions } from '../notifications/slack-interactions.ts';
import { type Browsers, createBrowsers } from '../pages/browser.ts';
import { pagesModule } from '../pages/pages.module.ts';
import { upstreamModule } from '../pages/upstream.module.ts';
import { policiesModule } from '../policies/policies.module.ts';
import { createPolicies, type Policies } from '../policies/policies.ts';
import type { SessionEntry } from '../sessions/live-session.ts';
import { sessionsModule } from '../sessions/sessions.module.ts';
import { createSessions, type Sessions } from '../sessions/sessions.ts';
import type { SshAuthorities } from '../ssh/ssh-authorities.ts';
import { createTargetCertificates } from '../ssh/target-certificates.ts';
import { statusModule } from '../status/status.module.ts';
import { createStatus, type Status } from '../status/status.ts';
import type { Repositories } from '../store/repositories.ts';
import type { UserRow } from '../store/users.ts';
import { createJointSessions, type JointSessions } from '../watching/joint-sessions.ts';
import type { LiveFeeds } from '../watching/live-feeds.ts';
import { watchingModule } from '../watching/watching.module.ts';
import { createWatching } from '../watching/watching.ts';
import { createControlPlane } from './control-plane.ts';
import type { DataPlaneLink } from './data-plane-link.ts';
import { createSshCapabilities, type SshCapabilities } from './ssh-capabilities.ts';

/** What everything stands on. */
export interface Foundation {
  readonly config: GatewayConfig;
  readonly version: string;
  readonly repositories: Repositories;
  readonly ping: () => Promise<void>;
  readonly ca: Authorities;
  readonly ssh: SshAuthorities;
  /** Wraps the keys of stored credentials. */
  readonly keys: KeyProvider;
  readonly journal: Journal;
  readonly feeds: LiveFeeds;
  readonly audit: AuditLog;
  readonly dataPlane: DataPlaneLink;
  readonly openChannels: OpenChannels;
  /** Identity providers of the configuration, opened. */
  readonly providers: readonly Provider[];
  /** 32 bytes that forms of pages are bound to browsers with. */
  readonly browserKey: Buffer;
  readonly scimTokens: ScimTokens;
  readonly log: Log;
  readonly now: () => number;
}

/** The gateway's use-cases, wired. */
export interface Capabilities {
  readonly identity: Identity;
  readonly authorizationServer: AuthorizationServer;
  /** Sign-in by browser: other ways to sign in plug in here, and pages ask it who is signed in. */
  readonly signIn: SignIn;
  readonly browsers: Browsers;
  readonly upstreamWatch: UpstreamWatch;
  readonly policies: Policies;
  readonly access: Access;
  readonly connections: Connections;
  readonly credentials: Credentials;
  readonly agents: Agents;
  readonly authorityRotation: AuthorityRotation;
  readonly sessions: Sessions;
  readonly approvals: Approvals;
  readonly approvalClock: ApprovalClock;
  readonly accessRequests: AccessRequests;
  readonly grants: Grants;
  readonly grantClock: GrantClock;
  readonly budgets: Budgets;
  readonly notifications: Notifications;
  readonly evidence: Evidence;
  readonly status: Status;
  readonly ssh: SshCapabilities;
  readonly controlPlane: ControlPlane;
  /** Nest modules that show them over HTTP. */
  readonly modules: readonly DynamicModule[];
}

/** Wires the use-cases: the one place that knows who stands on whom. */
export function createCapabilities(parts: Foundation): Capabilities {
  const signInEnds = createSignInEnds(parts.repositories);
  const { oauth, users } = signInEnds;
  const foundation: Foundation = { ...parts, repositories: { ...parts.repositories, oauth, users } };
  const { repositories, audit, dataPlane, now } = foundation;
  const passwords = createPasswordChecker();
  const throttle = createLoginThrottle(now);
  const local = createLocalAccounts(foundation.config.identity.local, foundation);
  const checkPassword = createPasswordSignIn({
    ...{ users: repositories.users, passwords, throttle, local, audit, now },
  });
  const machineStanding = createMachineStanding({
    ...{ users: repositories.users, machines: repositories.machines, now },
    documents: () => policies.current.documents,
  });
  const issuerKeys = createIssuerKeys({ fetch, now });
  const { authorizationServer, browsers, signIn } = createSignInOf(foundation, (proof) =>
    signMachineIn(
      {
        ...{ users: repositories.users, machines: repositories.machines, audit, now },
        ...{ changes: identity.accounts.changes, keys: issuerKeys, documents: () => policies.current.documents },
      },
      proof,
    ),
  );
  const identity = createIdentity({
    ...{ users: repositories.users, oauth: repositories.oauth, passwords, throttle, audit },
    accessTokens: createAccessTokens({ server: authorizationServer, users: repositories.users, audit, now }),
    ...{ roleGroups: foundation.config.identity.roles, machineStanding, now },
  });
  const policies = createPolicies({ policies: repositories.policies, audit });
  const book = createGrantBook({ grants: repositories.grants, now });
  const access = createAccess({ policies, held: (userId, connection) => book.held(userId, connection), now });
  const connections = createConnections({ connections: repositories.connections, access, dataPlane, audit });
  const { keys } = foundation;
  const credentials = createCredentials({ credentials: repositories.credentials, connections, keys, audit, now });
  const twins = createAgentTwins({
    ...{ agents: repositories.agents, nonces: repositories.agentNonces, dataPlane, audit, now },
    onLocked: ({ name, pool }, reason) => {
      // Other agents of the pool go on with what is theirs.
      const isServed = (id: string) => dataPlane.servesSession(name, id) || !dataPlane.agentOnline(pool);
      return sessions.endWhere(
        ({ agentName, id }) => agentName === pool && isServed(id),
        `its agent was locked: ${reason}`,
        'gateway',
      );
    },
  });
  const agents = createAgents({
    ...{ agents: repositories.agents, ca: foundation.ca, dataPlane, audit, now },
    onCopy: (agentId, reason, detail) => twins.copySeen(agentId, reason, detail),
    identify: (agentId, nonce, holder) => twins.identify(agentId, nonce, holder),
    settings: foundation.config.agents,
    platform: { rules: foundation.config.agents.platforms, keys: issuerKeys, tokens: repositories.machines },
  });
  const authorityRotation = createAuthorityRotation({
    ...{ authorities: foundation.ca, agents: repositories.agents, dataPlane, audit, log: foundation.log, now },
  });
  const standingOf = createStandings(repositories);
  const circumstances = createCircumstances({
    ...{ policies, standingOf },
    findConnection: (name) => repositories.connections.find(name),
  });
  const linkTo = (requestId: string) => `${authorizationServer.issuer}/requests/${requestId}`;
  const approval = { ...createApprovalParts(foundation, circumstances), standingOf, linkTo };
  const approvals = createApprovals(approval);
  const ends = { machineStanding, signInEnds };
  const joint = createJointSessions({
    ...{ dataPlane, journal: foundation.journal, audit, log: foundation.log, now },
    peopleBehind: async (names) =>
      (await Promise.all(names.map((name) => standingOf(name)))).flatMap((standing) => standing?.people ?? []),
    endSession: (id, reason) => sessions.end(id, reason, 'gateway'),
  });
  const sessions = createSessionsOf(foundation, { connections, access, asks: approval, joint, ...ends });
  const watching = createWatching({
    ...{ live: () => sessions.live, feeds: foundation.feeds, journal: foundation.journal },
    ...{ joint, approvals: repositories.approvals, audit, now },
  });
  const jit = createJit(foundation, { book, policies, access, connections, sessions, standingOf });
  const upstream = createUpstreamOf(foundation, { identity, sessions, signIn, authorizationServer });
  const budgets = createBudgets({
    ...{ budgets: repositories.budgets, approvals: repositories.approvals, audit, log: foundation.log, now },
    liveSession: (id) => sessions.live.byId(id)?.live,
  });
  const evidence = createEvidence({
    anchors: repositories.anchors,
    audit,
    directory: join(foundation.config.recordings.dir, 'recordings'),
  });
  const { notifications, slack } = createNotificationsOf(foundation, approvals);
  const status = createStatusOf(foundation, { agents, sessions, approvals, policies, ...jit });
  const ssh = createSshCapabilities(foundation, {
    ...{ identity, connections, sessions, local, signIn, browsers },
    issuer: () => authorizationServer.issuer,
  });
  signInEnds.onEnded((ended) => sessions.endSignedInBy(ended));
  signInEnds.onEnded(async (ended) => watching.endSignedInBy(ended));
  pushChanges({ identity, policies, connections, sessions });
  const controlPlane = createControlPlane({
    identity,
    sessions,
    rows: repositories.sessions,
    agents,
    twins,
    authorityRotation,
    asks: approval,
    joint,
    budgets,
    credentials,
    signTargetCertificates: createTargetCertificates({ authorities: foundation.ssh, now }),
    audit,
    log: foundation.log,
    now,
  });
  const modules = [
    identityModule(identity, policies),
    scimModuleOf(foundation, identity, () => authorizationServer.issuer),
    passkeysModuleOf(foundation, { authorizationServer, signIn, browsers, local }),
    pagesModule({ signIn, server: authorizationServer, browsers, checkPassword }),
    upstreamModule({ upstream: upstream.upstream, signIn, browsers }, upstream.routes),
    serviceAccountsModule({
      ...{ users: repositories.users, machines: repositories.machines, changes: identity.accounts.changes, audit, now },
      refreshSessions: (matches, why) =>
        sessions.refresh((_session, { opening }) => opening.machine !== undefined && matches(opening.machine), why),
    }),
    policiesModule(policies),
    connectionsModule(connections),
    credentialsModule(credentials),
    agentsModule(agents, twins, authorityRotation),
    sessionsModule(sessions),
    watchingModule(watching),
    grantsModule(jit.accessRequests, jit.grants),
    approvalsModule(approvals, { accessRequests: jit.accessRequests, signIn, browsers }),
    notificationsModule(notifications, slack),
    budgetsModule(budgets),
    auditModule(audit),
    evidenceModule(evidence),
    statusModule(status),
    ...ssh.modules,
    openapiModule(foundation.version),
  ];
  const { clock: approvalClock } = approval;
  return {
    ...{
      identity,
      authorizationServer,
      signIn,
      browsers,
      upstreamWatch: upstream.watch,
      policies,
      access,
      connections,
      credentials,
      agents,
      authorityRotation,
      sessions,
      approvals,
      approvalClock,
      budgets,
    },
    ...{ notifications, evidence, status, ssh, controlPlane, modules, ...jit },
  };
}

/** The authorization server and sign-in by browser. */
function createSignInOf(
  { config, repositories, browserKey, audit, log, now }: Foundation,
  signMachineIn: SignMachineIn,
) {
  const { oauth, users, browserSessions: sessions } = repositories;
  const { clients, deviceFlow, roles } = config.identity;
  const authorizationServer = createAuthorizationServer({
    ...{ oauth, users, clients, deviceFlow, signMachineIn, audit, log, now },
  });
  const browsers = createBrowsers(
    browserKey,
    () => authorizationServer.issuer,
    ({ ip: address, url }, why) => {
      const subject = pathOf(url).slice(0, 200);
      audit.later({ actor: 'unknown', action: 'form-refused', subject, detail: { address, why } });
    },
  );
  const rolesOf = (user: UserRow) => effectiveRoles(user, roles);
  const signIn = createSignIn({ server: authorizationServer, browsers, sessions, users, audit, rolesOf, now });
  return { authorizationServer, browsers, signIn };
}

/** Sign-in by identity providers, with a button for each. */
function createUpstreamOf(
  { providers, repositories, audit, log, now }: Foundation,
  parts: Pick<Capabilities, 'identity' | 'sessions' | 'signIn' | 'authorizationServer'>,
) {
  const { users, identities: rows, upstreamAttempts: attempts } = repositories;
  const identities = createUpstreamIdentities({
    ...{ users, identities: rows, changes: parts.identity.accounts.changes, now },
    endSessions: (userId, reason) =>
      parts.sessions.endWhere(
        ({ principal }) => principal.id === userId || principal.actingFor?.id === userId,
        reason,
        'gateway',
      ),
  });
  const common = { providers, identities, rows, attempts, audit, now };
  const upstream = createUpstream({ ...common, baseUrl: () => parts.authorizationServer.issuer });
  for (const { name, label = `Sign in with ${name}` } of upstream.providers) {
    const href = ({ id }: { id: string }) => `/sign-in/${encodeURIComponent(id)}/by/${encodeURIComponent(name)}`;
    parts.signIn.addMethod({ id: name, label, href });
  }
  return { upstream, routes: { users, rows, identities }, watch: createUpstreamWatch({ ...common, log }) };
}

/** Passkeys, with a button on the sign-in page where they can be. */
function passkeysModuleOf(
  { config, repositories, audit, log, now }: Foundation,
  {
    authorizationServer: server,
    ...parts
  }: Pick<Capabilities, 'authorizationServer' | 'signIn' | 'browsers'> & { local: LocalAccounts },
) {
  const { users, oauth, browserSessions, passkeys: challenges } = repositories;
  const issuer = () => server.issuer;
  const passkeys = createPasskeys({ passkeys: challenges, users, issuer, audit, log, now });
  const mark = { program: oauth.markGrant, browser: browserSessions.mark };
  const stepUp = createStepUp({ passkeys, challenges, mark, issuer, audit, now });
  if (config.identity.issuer !== undefined && canHavePasskeys(config.identity.issuer)) {
    const href = ({ id }: { id: string }) => `/sign-in/${id}/passkey`;
    parts.signIn.addMethod({ id: 'passkey', label: 'Sign in with a passkey', href });
  }
  return passkeysModule({ passkeys, stepUp, server, now, ...parts }, { passkeys, stepUp, users, issuer });
}

/** Accounts and groups by a directory. */
function scimModuleOf(
  { config, repositories, scimTokens, audit, log, now }: Foundation,
  identity: Identity,
  issuer: () => string,
) {
  const { users, directory } = repositories;
  const { changes } = identity.accounts;
  const groupNames = config.identity.scim?.groups ?? { map: {} };
  return scimModule(
    { users, directory, changes, groupNames, base: () => `${issuer()}/scim/v2` },
    { tokens: scimTokens, throttle: createLoginThrottle(now), audit, log },
  );
}

function createApprovalParts({ repositories, audit, log, now }: Foundation, circumstances: Circumstances) {
  const { approvals, sessions } = repositories;
  const waiting = createWaitingAsks();
  const clock = createApprovalClock({ approvals, waiting, audit, log, now });
  return { approvals, sessions, circumstances, waiting, clock, audit, log, now };
}

/** Requests for access, grants, and the clock that ends them. */
function createJit(
  { repositories, audit, log, now }: Foundation,
  shared: Pick<GrantParts, 'book' | 'policies' | 'access' | 'connections' | 'sessions' | 'standingOf'>,
) {
  const { accessRequests: requests, grants } = repositories;
  const grantClock = createGrantClock({ ...shared, requests, grants, audit, log, now });
  const parts = { ...shared, requests, grants, audit, now, sweep: () => grantClock.sweep() };
  return { accessRequests: createAccessRequests(parts), grants: createGrants(parts), grantClock };
}

/** Accounts as they are at the moment of the question. */
function createStandings({ users }: Pick<Repositories, 'users'>) {
  return async (name: string): Promise<Standing | undefined> => {
    const user = await users.findByName(name);
    if (user === undefined || user.disabled) return undefined;
    // The accounts by id as well: a link that is cut later does not make two people of one.
    const owner = user.owner_id === null ? undefined : await users.findById(user.owner_id);
    const linked = await users.listByPerson((owner ?? user).person_id);
    return {
      id: user.id,
      people: [user.person_id, (owner ?? user).person_id, ...linked.map(({ id }) => id)],
      groups: user.groups,
    };
  };
}

function createNotificationsOf(
  { config, repositories, openChannels, audit, log, now }: Foundation,
  approvals: Approvals,
) {
  const { channels, slackApps, publicUrl } = openChannels;
  const notifications = createNotifications({
    ...{ notifications: repositories.notifications, events: repositories.audit, approvals: repositories.approvals },
    ...{ audit, channels, publicUrl, log, now },
  });
  const slack = createSlackInteractions({
    ...{ apps: slackApps, approvals, audit, log },
    deciderOf: async (name) => {
      const user = await repositories.users.findByName(name);
      if (user === undefined || user.disabled) return undefined;
      return {
        ...{ id: user.id, personId: user.person_id, name: user.name, kind: user.kind, groups: user.groups },
        roles: effectiveRoles(user, config.identity.roles),
      };
    },
  });
  return { notifications, slack };
}

function createSessionsOf(
  { config, repositories, ca, ssh, dataPlane, journal, audit, log, now }: Foundation,
  parts: {
    readonly connections: Connections;
    readonly access: Access;
    readonly asks: AskParts;
    readonly joint: JointSessions;
    readonly machineStanding: MachineStanding;
    readonly signInEnds: SignInEnds;
  },
): Sessions {
  const { connections, access, asks, joint, machineStanding, signInEnds } = parts;
  return createSessions({
    sessions: repositories.sessions,
    ttlSeconds: config.sessions.ttlSeconds,
    ca: () => ca.bundle,
    hostKeys: () => ssh.hostKeys().map(({ publicKey: { type, blob } }) => formatKeyLine(type, blob)),
    onEnded: (id) => {
      joint.ended(id);
      withdrawAsksOf(asks, id);
    },
    isOverseer: (caller, id) => joint.isNeeded(id, caller),
    isSignInEnded: async (tokenId) => {
      const { sshKeys: keys, browserSessions } = repositories;
      return (await isSshSignInEnded(tokenId, { keys, browserSessions, now })) ?? signInEnds.isEnded(tokenId);
    },
    isSealed: async (id) => (await repositories.anchors.find(id))?.sealed ?? false,
    accountOf: async (name) => {
      const user = await repositories.users.findByName(name);
      return user === undefined || user.disabled ? undefined : user;
    },
    ...{ machineStanding, connections, access, dataPlane, journal, audit, log, now },
  });
}

function createStatusOf(
  { version, journal, ping, log, now }: Foundation,
  parts: Pick<Capabilities, 'agents' | 'sessions' | 'approvals' | 'policies' | 'accessRequests' | 'grants'>,
): Status {
  let isHealthy = true;
  journal.onBroken(() => {
    isHealthy = false;
    // The data plane hears of it at this moment, too, and tells clients why; after that the sessions follow, so that nobody signs in to one again.
    setImmediate(() => {
      parts.sessions
        .endWhere(() => true, 'the evidence cannot be stored', 'gateway')
        .catch((error: unknown) => log.error('sessions could not be ended', error));
    });
  });
  return createStatus({
    ...parts,
    version,
    journal: { isHealthy: () => isHealthy, entries: () => journal.durable },
    checkHealth: ping,
    now,
  });
}

/** Live sessions follow what decides about them. */
function pushChanges({
  identity,
  policies,
  connections,
  sessions,
}: Pick<Capabilities, 'identity' | 'policies' | 'connections' | 'sessions'>): void {
  policies.onChange(() => sessions.refresh(() => true, 'the policy changed'));
  identity.onChange((user) => {
    const isOf = ({ principal }: LiveSession) => principal.id === user.id || principal.actingFor?.id === user.id;
    // The owner of a service is not in its sessions; when a person goes, all services are asked who answers for them.
    const isMatching = (session: LiveSession, { opening }: SessionEntry) =>
      isOf(session) || (user.disabled && opening.machine?.keyId != null);
    return sessions.refresh(isMatching, 'the account changed');
  });
  connections.onChange((name) =>
    sessions.refresh((session) => session.connection.name === name, 'the connection changed'),
  );
}
