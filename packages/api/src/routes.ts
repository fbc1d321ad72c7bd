/**
 * The HTTP API in one table. All bodies are JSON; all but login and healthz need `Authorization: Bearer <token>`.
 * Errors have the body errorBodySchema and the status of packages/errors.
 */
export const routes = {
  healthz: 'GET /healthz', // 200 {ok: true}
  login: 'POST /v1/login', // loginRequest -> loginResponse
  logout: 'POST /v1/logout', // 204; the token is dead
  whoami: 'GET /v1/whoami', // whoami
  listUsers: 'GET /v1/users', // admin; user[]
  putUser: 'PUT /v1/users/:name', // admin; putUserRequest -> user; disabling ends sessions and tokens
  listConnections: 'GET /v1/connections', // connection[] that the caller may see (all for admins)
  putConnection: 'PUT /v1/connections/:name', // admin; connectionSpec -> connection
  deleteConnection: 'DELETE /v1/connections/:name', // admin; 204; ends its sessions
  testConnection: 'POST /v1/connections/:name/test', // admin; connectionTest
  openSession: 'POST /v1/sessions', // openSessionRequest -> openSessionResponse
  listSessions: 'GET /v1/sessions', // session[]; own ones for members, all for admin/auditor; ?state=&connection=&limit=
  showSession: 'GET /v1/sessions/:id', // session
  sessionEvents: 'GET /v1/sessions/:id/events', // NDJSON of RecordEntry (member: own session); audited
  killSession: 'POST /v1/sessions/:id/kill', // {reason}; own session or admin; 204 when it is over
  listRequests: 'GET /v1/requests', // approvalRequest[]; own + those that the caller may decide; ?state=
  showRequest: 'GET /v1/requests/:id', // approvalRequest
  decideRequest: 'POST /v1/requests/:id/decision', // decideRequest -> approvalRequest; self-approval 403 self_approval
  listBudgets: 'GET /v1/budgets', // budget[] of the windows that run now; own ones for members, all for admin/auditor
  getPolicy: 'GET /v1/policy', // policyDocumentSet (admin, auditor)
  applyPolicy: 'PUT /v1/policy', // admin; applyPolicyRequest -> policyDocumentSet; 422 policy_invalid
  createJoinToken: 'POST /v1/agents/join-tokens', // admin; joinTokenRequest -> joinTokenResponse
  listAgents: 'GET /v1/agents', // agent[] (admin)
  revokeAgent: 'DELETE /v1/agents/:name', // admin; 204
  listAuditEvents: 'GET /v1/audit', // auditEvent[]; admin, auditor; ?after=&limit=&action=&actor=
  listAnchors: 'GET /v1/recordings', // recordingAnchor[]; admin, auditor
  readRecording: 'GET /v1/recordings/:session', // the recording file's bytes; admin, auditor
  status: 'GET /v1/status', // status
} as const;
export type RouteName = keyof typeof routes;
