import { WeirError } from '@weir/errors';
import type * as am from './access-messages.ts';
import * as access from './access-schemas.ts';
import { readLines } from './lines.ts';
import type * as mm from './machine-messages.ts';
import * as machine from './machine-schemas.ts';
import type * as m from './messages.ts';
import { followPages } from './pages.ts';
import * as s from './schemas.ts';
import type * as sm from './ssh-messages.ts';
import * as ssh from './ssh-schemas.ts';
import { type ApiClientOptions, createSend, readJson } from './transport.ts';
import { headersOf, type OnlyIf, type Versioned, versionOf } from './versions.ts';

export type { ApiClientOptions } from './transport.ts';

/** One method per route of the route table. A list is read to its end, or to `limit` items in all. Every method throws a WeirError with the server's code, or gateway_unavailable when nobody answers. */
export interface ApiClient {
  healthz(): Promise<{ ok: boolean }>;
  /** The API's own description, OpenAPI 3.1. */
  openapi(): Promise<m.OpenApi>;
  logout(): Promise<void>;
  whoami(): Promise<m.Whoami>;
  listUsers(): Promise<m.User[]>;
  putUser(name: string, body: m.PutUserRequest): Promise<m.User>;
  showUser(name: string): Promise<m.User>;
  deleteUser(name: string): Promise<void>;
  /** Says that two accounts belong to one person. */
  linkUser(name: string, to: string): Promise<m.User>;
  unlinkUser(name: string): Promise<m.User>;
  /** Who the account is at identity providers. */
  listIdentities(name: string): Promise<m.Identity[]>;
  removeIdentity(name: string, provider: string): Promise<void>;
  /** For somebody who has lost them. */
  resetPasskeys(name: string): Promise<void>;
  /** The page on which the caller steps this sign-in up; `whoami` says when it has happened. */
  beginStepUp(): Promise<m.StepUp>;
  /** The caller's own; ends all of his tokens. */
  changePassword(body: m.ChangePasswordRequest): Promise<void>;
  listConnections(): Promise<m.Connection[]>;
  /** The whole definition with its version; the password is a reference. */
  getConnection(name: string): Promise<Versioned<m.ConnectionSpec>>;
  putConnection(spec: m.ConnectionSpecRequest, onlyIf?: OnlyIf): Promise<m.Connection>;
  deleteConnection(name: string, onlyIf?: OnlyIf): Promise<void>;
  testConnection(name: string): Promise<m.ConnectionTest>;
  /** Stores the password of a connection whose reference is `stored`. */
  putCredential(name: string, body: m.PutCredentialRequest): Promise<void>;
  deleteCredential(name: string): Promise<void>;
  openSession(body: m.OpenSessionRequest): Promise<m.OpenSessionResponse>;
  listSessions(query?: m.ListSessionsQuery): Promise<m.Session[]>;
  showSession(id: string): Promise<m.Session>;
  /** Events of a session, oldest first, as they arrive. */
  sessionEvents(id: string): AsyncGenerator<m.SessionEventLine>;
  /** Events of an open session: those so far, then as they happen, until the signal. Call `keepWatching` every 10 seconds meanwhile. */
  watchSession(id: string, signal?: AbortSignal): AsyncGenerator<m.SessionEventLine>;
  keepWatching(id: string): Promise<void>;
  killSession(id: string, body?: m.KillSessionRequest): Promise<void>;
  listRequests(query?: m.ListRequestsQuery): Promise<m.ApprovalRequest[]>;
  showRequest(id: string): Promise<m.RequestDetails>;
  decideRequest(id: string, body: m.DecideRequest): Promise<m.ApprovalRequest>;
  newAccessRequest(body: am.NewAccessRequest): Promise<am.AccessRequest>;
  listAccessRequests(query?: am.ListAccessRequestsQuery): Promise<am.AccessRequest[]>;
  showAccessRequest(id: string): Promise<am.AccessRequest>;
  decideAccessRequest(id: string, body: m.DecideRequest): Promise<am.AccessRequest>;
  cancelAccessRequest(id: string): Promise<am.AccessRequest>;
  listGrants(query?: am.ListGrantsQuery): Promise<am.Grant[]>;
  showGrant(id: string): Promise<am.Grant>;
  /** Ends a grant, and its sessions, before it ends by itself. */
  revokeGrant(id: string, body?: am.RevokeGrantRequest): Promise<am.Grant>;
  /** Takes access at once; a review follows. */
  breakGlass(body: am.BreakGlassRequest): Promise<am.Grant>;
  reviewGrant(id: string, body: am.ReviewGrantRequest): Promise<am.Grant>;
  listServiceAccounts(): Promise<mm.ServiceAccount[]>;
  showServiceAccount(name: string): Promise<mm.ServiceAccount>;
  putServiceAccount(name: string, body: mm.PutServiceAccountRequest): Promise<mm.ServiceAccount>;
  deleteServiceAccount(name: string): Promise<void>;
  listServiceKeys(name: string): Promise<mm.ServiceKey[]>;
  /** The answer has the key; nobody sees it again. */
  createServiceKey(name: string, body: mm.CreateServiceKeyRequest): Promise<mm.NewServiceKey>;
  rotateServiceKey(name: string, id: string, body?: mm.RotateServiceKeyRequest): Promise<mm.NewServiceKey>;
  revokeServiceKey(name: string, id: string): Promise<void>;
  listDelegations(): Promise<mm.Delegation[]>;
  /** Lets a service or an AI agent act for the caller. */
  createDelegation(body: mm.CreateDelegationRequest): Promise<mm.Delegation>;
  revokeDelegation(id: string): Promise<void>;
  listBudgets(): Promise<m.BudgetView[]>;
  getPolicy(): Promise<m.PolicyDocumentSet>;
  applyPolicy(body: m.ApplyPolicyRequest, onlyIf?: OnlyIf): Promise<m.PolicyDocumentSet>;
  createJoinToken(body: m.JoinTokenRequest): Promise<m.JoinTokenResponse>;
  listJoinTokens(): Promise<m.JoinToken[]>;
  revokeJoinToken(id: string): Promise<void>;
  listAgents(): Promise<m.AgentView[]>;
  lockAgent(name: string, body?: m.LockAgentRequest): Promise<void>;
  unlockAgent(name: string): Promise<void>;
  revokeAgent(name: string): Promise<void>;
  listAuthorities(): Promise<m.AuthorityView[]>;
  /** Replaces the CA that signs agents, and tells the new one. */
  rotateAuthority(body?: m.RotateAuthorityRequest): Promise<m.AuthorityView>;
  /** CAs and host keys that SSH clients and hosts have to know; needs no sign-in. */
  sshTrust(): Promise<sm.SshTrust>;
  listSshAuthorities(): Promise<sm.SshAuthority[]>;
  /** Replaces a CA, and tells the new one. */
  rotateSshAuthority(purpose: sm.SshAuthorityPurpose, body?: sm.RotateSshAuthorityRequest): Promise<sm.SshAuthority>;
  issueSshCertificate(body: sm.IssueSshCertificateRequest): Promise<sm.SshCertificate>;
  listSshKeys(): Promise<sm.SshKey[]>;
  addSshKey(body: sm.AddSshKeyRequest): Promise<sm.SshKey>;
  removeSshKey(id: string): Promise<void>;
  /** Keys of another account. */
  listSshKeysOf(name: string): Promise<sm.SshKey[]>;
  addSshKeyOf(name: string, body: sm.AddSshKeyRequest): Promise<sm.SshKey>;
  removeSshKeyOf(name: string, id: string): Promise<void>;
  listAuditEvents(query?: m.ListAuditQuery): Promise<m.AuditEvent[]>;
  listAnchors(): Promise<m.RecordingAnchor[]>;
  /** The recording file's bytes as they are on the gateway's disk. */
  readRecording(session: string): Promise<Uint8Array>;
  listNotifications(query?: m.ListDeliveriesQuery): Promise<m.Delivery[]>;
  status(): Promise<m.GatewayStatus>;
}

/** Makes a typed client of the gateway's API. It keeps no state: make one per token. */
export function createApiClient(options: ApiClientOptions): ApiClient {
  const send = createSend(options);
  return {
    healthz: async () => readJson(await send('healthz'), s.healthSchema),
    openapi: async () => readJson(await send('openapi'), s.openapiSchema),
    logout: async () => done(await send('logout')),
    whoami: async () => readJson(await send('whoami'), s.whoamiSchema),
    listUsers: () => followPages(send, 'listUsers', s.userSchema),
    putUser: async (name, body) => readJson(await send('putUser', { params: { name }, body }), s.userSchema),
    showUser: async (name) => readJson(await send('showUser', { params: { name } }), s.userSchema),
    deleteUser: async (name) => done(await send('deleteUser', { params: { name } })),
    linkUser: async (name, to) => readJson(await send('linkUser', { params: { name }, body: { to } }), s.userSchema),
    unlinkUser: async (name) => readJson(await send('unlinkUser', { params: { name } }), s.userSchema),
    listIdentities: (name) => followPages(send, 'listIdentities', s.identitySchema, {}, { name }),
    removeIdentity: async (name, provider) => done(await send('removeIdentity', { params: { name, provider } })),
    resetPasskeys: async (name) => done(await send('resetPasskeys', { params: { name } })),
    beginStepUp: async () => readJson(await send('beginStepUp'), s.stepUpSchema),
    changePassword: async (body) => done(await send('changePassword', { body })),
    listConnections: () => followPages(send, 'listConnections', s.connectionSchema),
    getConnection: async (name) => {
      const response = await send('getConnection', { params: { name } });
      return { version: versionOf(response), value: await readJson(response, s.connectionSpecSchema) };
    },
    putConnection: async (spec, onlyIf) =>
      readJson(
        await send('putConnection', { params: { name: spec.name }, body: spec, ...headersOf(onlyIf) }),
        s.connectionSchema,
      ),
    deleteConnection: async (name, onlyIf) =>
      done(await send('deleteConnection', { params: { name }, ...headersOf(onlyIf) })),
    testConnection: async (name) =>
      readJson(await send('testConnection', { params: { name } }), s.connectionTestSchema),
    putCredential: async (name, body) => done(await send('putCredential', { params: { name }, body })),
    deleteCredential: async (name) => done(await send('deleteCredential', { params: { name } })),
    openSession: async (body) => readJson(await send('openSession', { body }), s.openSessionResponseSchema),
    listSessions: (query) => followPages(send, 'listSessions', s.sessionSchema, query),
    showSession: async (id) => readJson(await send('showSession', { params: { id } }), s.sessionSchema),
    sessionEvents: async function* (id) {
      for await (const line of readLines(await send('sessionEvents', { params: { id } }))) yield parseEvent(line);
    },
    watchSession: async function* (id, signal) {
      try {
        const response = await send('watchSession', { params: { id }, signal });
        for await (const line of readLines(response)) yield parseEvent(line);
      } catch (error) {
        if (signal?.aborted !== true) throw error;
      }
    },
    keepWatching: async (id) => done(await send('keepWatching', { params: { id } })),
    killSession: async (id, body = {}) => done(await send('killSession', { params: { id }, body })),
    listRequests: (query) => followPages(send, 'listRequests', s.approvalRequestSchema, query),
    showRequest: async (id) => readJson(await send('showRequest', { params: { id } }), s.requestDetailsSchema),
    decideRequest: async (id, body) =>
      readJson(await send('decideRequest', { params: { id }, body }), s.approvalRequestSchema),
    ...accessMethods(send),
    ...machineMethods(send),
    ...sshMethods(send),
    listBudgets: () => followPages(send, 'listBudgets', s.budgetSchema),
    getPolicy: async () => readJson(await send('getPolicy'), s.policyDocumentSetSchema),
    applyPolicy: async (body, onlyIf) =>
      readJson(await send('applyPolicy', { body, ...headersOf(onlyIf) }), s.policyDocumentSetSchema),
    createJoinToken: async (body) => readJson(await send('createJoinToken', { body }), s.joinTokenResponseSchema),
    listJoinTokens: () => followPages(send, 'listJoinTokens', s.joinTokenSchema),
    revokeJoinToken: async (id) => done(await send('revokeJoinToken', { params: { id } })),
    listAgents: () => followPages(send, 'listAgents', s.agentSchema),
    lockAgent: async (name, body = {}) => done(await send('lockAgent', { params: { name }, body })),
    unlockAgent: async (name) => done(await send('unlockAgent', { params: { name } })),
    revokeAgent: async (name) => done(await send('revokeAgent', { params: { name } })),
    listAuthorities: () => followPages(send, 'listAuthorities', s.authoritySchema),
    rotateAuthority: async (body = {}) => readJson(await send('rotateAuthority', { body }), s.authoritySchema),
    listAuditEvents: (query) => followPages(send, 'listAuditEvents', s.auditEventSchema, query),
    listAnchors: () => followPages(send, 'listAnchors', s.recordingAnchorSchema),
    readRecording: async (session) =>
      new Uint8Array(await (await send('readRecording', { params: { session } })).arrayBuffer()),
    listNotifications: (query) => followPages(send, 'listNotifications', s.deliverySchema, query),
    status: async () => readJson(await send('status'), s.statusSchema),
  };
}

type AccessMethod =
  | 'newAccessRequest'
  | 'listAccessRequests'
  | 'showAccessRequest'
  | 'decideAccessRequest'
  | 'cancelAccessRequest'
  | 'listGrants'
  | 'showGrant'
  | 'revokeGrant'
  | 'breakGlass'
  | 'reviewGrant';

function accessMethods(send: ReturnType<typeof createSend>): Pick<ApiClient, AccessMethod> {
  const request = async (response: Promise<Response>) => readJson(await response, access.accessRequestSchema);
  const grant = async (response: Promise<Response>) => readJson(await response, access.grantSchema);
  return {
    newAccessRequest: (body) => request(send('newAccessRequest', { body })),
    listAccessRequests: (query) => followPages(send, 'listAccessRequests', access.accessRequestSchema, query),
    showAccessRequest: (id) => request(send('showAccessRequest', { params: { id } })),
    decideAccessRequest: (id, body) => request(send('decideAccessRequest', { params: { id }, body })),
    cancelAccessRequest: (id) => request(send('cancelAccessRequest', { params: { id } })),
    listGrants: (query) => followPages(send, 'listGrants', access.grantSchema, query),
    showGrant: (id) => grant(send('showGrant', { params: { id } })),
    revokeGrant: (id, body = {}) => grant(send('revokeGrant', { params: { id }, body })),
    breakGlass: (body) => grant(send('breakGlass', { body })),
    reviewGrant: (id, body) => grant(send('reviewGrant', { params: { id }, body })),
  };
}

type MachineMethod =
  | 'listServiceAccounts'
  | 'showServiceAccount'
  | 'putServiceAccount'
  | 'deleteServiceAccount'
  | 'listServiceKeys'
  | 'createServiceKey'
  | 'rotateServiceKey'
  | 'revokeServiceKey'
  | 'listDelegations'
  | 'createDelegation'
  | 'revokeDelegation';

function machineMethods(send: ReturnType<typeof createSend>): Pick<ApiClient, MachineMethod> {
  const account = async (response: Promise<Response>) => readJson(await response, machine.serviceAccountSchema);
  const newKey = async (response: Promise<Response>) => readJson(await response, machine.newServiceKeySchema);
  return {
    listServiceAccounts: () => followPages(send, 'listServiceAccounts', machine.serviceAccountSchema),
    showServiceAccount: (name) => account(send('showServiceAccount', { params: { name } })),
    putServiceAccount: (name, body) => account(send('putServiceAccount', { params: { name }, body })),
    deleteServiceAccount: async (name) => done(await send('deleteServiceAccount', { params: { name } })),
    listServiceKeys: (name) => followPages(send, 'listServiceKeys', machine.serviceKeySchema, {}, { name }),
    createServiceKey: (name, body) => newKey(send('createServiceKey', { params: { name }, body })),
    rotateServiceKey: (name, id, body = {}) => newKey(send('rotateServiceKey', { params: { name, id }, body })),
    revokeServiceKey: async (name, id) => done(await send('revokeServiceKey', { params: { name, id } })),
    listDelegations: () => followPages(send, 'listDelegations', machine.delegationSchema),
    createDelegation: async (body) => readJson(await send('createDelegation', { body }), machine.delegationSchema),
    revokeDelegation: async (id) => done(await send('revokeDelegation', { params: { id } })),
  };
}

type SshMethod =
  | 'sshTrust'
  | 'listSshAuthorities'
  | 'rotateSshAuthority'
  | 'issueSshCertificate'
  | 'listSshKeys'
  | 'addSshKey'
  | 'removeSshKey'
  | 'listSshKeysOf'
  | 'addSshKeyOf'
  | 'removeSshKeyOf';

function sshMethods(send: ReturnType<typeof createSend>): Pick<ApiClient, SshMethod> {
  const key = async (response: Promise<Response>) => readJson(await response, ssh.sshKeySchema);
  return {
    sshTrust: async () => readJson(await send('sshTrust'), ssh.sshTrustSchema),
    listSshAuthorities: () => followPages(send, 'listSshAuthorities', ssh.sshAuthoritySchema),
    rotateSshAuthority: async (purpose, body = {}) =>
      readJson(await send('rotateSshAuthority', { params: { purpose }, body }), ssh.sshAuthoritySchema),
    issueSshCertificate: async (body) =>
      readJson(await send('issueSshCertificate', { body }), ssh.sshCertificateSchema),
    listSshKeys: () => followPages(send, 'listSshKeys', ssh.sshKeySchema),
    addSshKey: (body) => key(send('addSshKey', { body })),
    removeSshKey: async (id) => done(await send('removeSshKey', { params: { id } })),
    listSshKeysOf: (name) => followPages(send, 'listSshKeysOf', ssh.sshKeySchema, {}, { name }),
    addSshKeyOf: (name, body) => key(send('addSshKeyOf', { params: { name }, body })),
    removeSshKeyOf: async (name, id) => done(await send('removeSshKeyOf', { params: { name, id } })),
  };
}

/** Reads an empty answer to its end, so that its connection can be used again. */
async function done(response: Response): Promise<void> {
  await response.arrayBuffer();
}

function parseEvent(line: string): m.SessionEventLine {
  try {
    return s.sessionEventSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new WeirError('protocol_violation', 'A line of the event stream is not an event.', {
      why: `It starts with: ${line.slice(0, 60)}`,
      fix: 'Check that client and gateway have the same version.',
      cause,
    });
  }
}
