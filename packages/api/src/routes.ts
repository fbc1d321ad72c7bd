/**
 * The HTTP API in one table. All bodies are JSON; all but healthz and the document need `Authorization: DPoP <token>` with a proof (RFC 9449), see sign-in/.
 * Errors are problem details (RFC 9457, problemSchema) with the status of packages/errors.
 */
export const routes = {
  healthz: 'GET /healthz', // 200 {ok: true}
  openapi: 'GET /api/v1/openapi.json', // the OpenAPI document of this table
  logout: 'POST /api/v1/logout', // 204; the sign-in has ended, and what it opened
  whoami: 'GET /api/v1/whoami', // whoami
  listUsers: 'GET /api/v1/users', // admin, auditor; user[]
  putUser: 'PUT /api/v1/users/:name', // admin; putUserRequest -> user; disabling ends sessions and tokens
  showUser: 'GET /api/v1/users/:name', // admin, auditor; user
  deleteUser: 'DELETE /api/v1/users/:name', // admin, not oneself; 204; ends sessions and tokens
  linkUser: 'PUT /api/v1/users/:name/link', // admin, not oneself; linkUserRequest -> user; both accounts are one person from now on
  unlinkUser: 'DELETE /api/v1/users/:name/link', // admin, not oneself; user
  listIdentities: 'GET /api/v1/users/:name/identities', // admin, auditor; identity[]
  removeIdentity: 'DELETE /api/v1/users/:name/identities/:provider', // admin, not oneself; 204; ends sessions and tokens
  resetPasskeys: 'DELETE /api/v1/users/:name/passkeys', // admin, not oneself; 204
  beginStepUp: 'POST /api/v1/account/step-up', // {}; stepUp
  changePassword: 'PUT /api/v1/account/password', // changePasswordRequest; 204; ends all tokens of the account
  listServiceAccounts: 'GET /api/v1/service-accounts', // admin, auditor; serviceAccount[]
  showServiceAccount: 'GET /api/v1/service-accounts/:name', // admin, auditor; serviceAccount
  putServiceAccount: 'PUT /api/v1/service-accounts/:name', // admin; putServiceAccountRequest -> serviceAccount
  deleteServiceAccount: 'DELETE /api/v1/service-accounts/:name', // admin; 204; ends sessions and keys
  listServiceKeys: 'GET /api/v1/service-accounts/:name/keys', // admin, auditor; serviceKey[]
  createServiceKey: 'POST /api/v1/service-accounts/:name/keys', // admin; createServiceKeyRequest -> newServiceKey; 201
  rotateServiceKey: 'POST /api/v1/service-accounts/:name/keys/:id/rotate', // admin; rotateServiceKeyRequest -> newServiceKey; 201
  revokeServiceKey: 'DELETE /api/v1/service-accounts/:name/keys/:id', // admin; 204; ends its sessions
  listDelegations: 'GET /api/v1/delegations', // delegation[] of the caller
  createDelegation: 'POST /api/v1/delegations', // people; createDelegationRequest -> delegation; 201
  revokeDelegation: 'DELETE /api/v1/delegations/:id', // own, admin; 204; ends its sessions
  listConnections: 'GET /api/v1/connections', // connection[] that the caller may see (all for admins)
  getConnection: 'GET /api/v1/connections/:name', // connections:write; connectionSpec as it is stored, the password as a reference
  putConnection: 'PUT /api/v1/connections/:name', // admin; connectionSpec -> connection
  deleteConnection: 'DELETE /api/v1/connections/:name', // admin; 204; ends its sessions
  testConnection: 'POST /api/v1/connections/:name/test', // admin; connectionTest
  putCredential: 'PUT /api/v1/connections/:name/credential', // connections:write; putCredentialRequest; 204
  deleteCredential: 'DELETE /api/v1/connections/:name/credential', // connections:write; 204
  openSession: 'POST /api/v1/sessions', // openSessionRequest -> openSessionResponse
  listSessions: 'GET /api/v1/sessions', // session[]; own ones for members, all for admin/auditor; ?state=&connection=&limit=
  showSession: 'GET /api/v1/sessions/:id', // session
  sessionEvents: 'GET /api/v1/sessions/:id/events', // NDJSON of RecordEntry (member: own session); audited
  watchSession: 'GET /api/v1/sessions/:id/live', // NDJSON of RecordEntry: so far, then as it happens; owner, admin, auditor, needed watchers, approvers; audited
  keepWatching: 'PUT /api/v1/sessions/:id/live', // 204; every 10 s from who watches, else the watch ends after 30 s
  killSession: 'POST /api/v1/sessions/:id/kill', // {reason}; own session or admin; 204 when it is over
  listRequests: 'GET /api/v1/requests', // approvalRequest[]; own + those that the caller may decide; ?state=
  showRequest: 'GET /api/v1/requests/:id', // requestDetails
  decideRequest: 'POST /api/v1/requests/:id/decision', // decideRequest -> approvalRequest; self-approval 403 self_approval
  newAccessRequest: 'POST /api/v1/access-requests', // newAccessRequest -> accessRequest; 201
  listAccessRequests: 'GET /api/v1/access-requests', // accessRequest[]; own + those that the caller may decide; ?state=&limit=
  showAccessRequest: 'GET /api/v1/access-requests/:id', // accessRequest
  decideAccessRequest: 'POST /api/v1/access-requests/:id/decision', // decideRequest -> accessRequest
  cancelAccessRequest: 'POST /api/v1/access-requests/:id/cancel', // own; accessRequest
  listGrants: 'GET /api/v1/grants', // grant[]; own + those that the caller watches over; ?state=&limit=
  showGrant: 'GET /api/v1/grants/:id', // grant
  revokeGrant: 'POST /api/v1/grants/:id/revoke', // own, approvers, reviewers, admin; revokeGrantRequest -> grant; its sessions end
  breakGlass: 'POST /api/v1/grants/break-glass', // breakGlassRequest -> grant; 201
  reviewGrant: 'POST /api/v1/grants/:id/review', // reviewers, not oneself; reviewGrantRequest -> grant
  listBudgets: 'GET /api/v1/budgets', // budget[] of the windows that run now; own ones for members, all for admin/auditor
  getPolicy: 'GET /api/v1/policy', // policyDocumentSet (admin, auditor)
  applyPolicy: 'PUT /api/v1/policy', // admin; applyPolicyRequest -> policyDocumentSet; 422 policy_invalid
  createJoinToken: 'POST /api/v1/agents/join-tokens', // admin; joinTokenRequest -> joinTokenResponse
  listJoinTokens: 'GET /api/v1/agents/join-tokens', // joinToken[] (admin, auditor), without secrets
  revokeJoinToken: 'DELETE /api/v1/agents/join-tokens/:id', // admin; 204
  listAgents: 'GET /api/v1/agents', // agent[] (admin)
  lockAgent: 'POST /api/v1/agents/:name/lock', // admin; lockAgentRequest; 204; ends its connection and sessions
  unlockAgent: 'POST /api/v1/agents/:name/unlock', // admin; 204; the next holder that connects is believed
  revokeAgent: 'DELETE /api/v1/agents/:name', // admin; 204
  listAuthorities: 'GET /api/v1/authorities', // authority[] (admin, auditor), oldest first
  rotateAuthority: 'POST /api/v1/authorities/rotate', // admin; rotateAuthorityRequest -> authority, the new one
  sshTrust: 'GET /api/v1/ssh', // public; sshTrust: CAs and host keys
  listSshAuthorities: 'GET /api/v1/ssh/authorities', // sshAuthority[] (admin, auditor), oldest first
  rotateSshAuthority: 'POST /api/v1/ssh/authorities/:purpose/rotate', // admin; rotateSshAuthorityRequest -> sshAuthority, the new one
  issueSshCertificate: 'POST /api/v1/ssh/certificates', // issueSshCertificateRequest -> sshCertificate; 201
  listSshKeys: 'GET /api/v1/ssh/keys', // own; sshKey[]
  addSshKey: 'POST /api/v1/ssh/keys', // own; addSshKeyRequest -> sshKey; 201; fresh sign-in
  removeSshKey: 'DELETE /api/v1/ssh/keys/:id', // own; 204; ends its sessions
  listSshKeysOf: 'GET /api/v1/users/:name/ssh-keys', // admin, auditor; sshKey[]
  addSshKeyOf: 'POST /api/v1/users/:name/ssh-keys', // admin, not for himself; addSshKeyRequest -> sshKey; 201
  removeSshKeyOf: 'DELETE /api/v1/users/:name/ssh-keys/:id', // admin; 204; ends its sessions
  listAuditEvents: 'GET /api/v1/audit', // auditEvent[]; admin, auditor; ?after=&limit=&action=&actor=
  listAnchors: 'GET /api/v1/recordings', // recordingAnchor[]; admin, auditor
  readRecording: 'GET /api/v1/recordings/:session', // the recording file's bytes; admin, auditor
  listNotifications: 'GET /api/v1/notifications', // delivery[]; admin, auditor; ?state=&limit=
  status: 'GET /api/v1/status', // status
} as const;
export type RouteName = keyof typeof routes;
