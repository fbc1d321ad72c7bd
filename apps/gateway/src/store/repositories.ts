import { type AccessRequestRepository, createAccessRequestRepository } from './access-requests.ts';
import { type AgentNonceRepository, createAgentNonceRepository } from './agent-nonces.ts';
import { type AgentRepository, createAgentRepository } from './agents.ts';
import { type AnchorRepository, createAnchorRepository } from './anchors.ts';
import { type ApprovalRepository, createApprovalRepository } from './approvals.ts';
import { type AuditRepository, createAuditRepository } from './audit.ts';
import { type AuthorityRepository, createAuthorityRepository } from './authorities.ts';
import { type BrowserSessionRepository, createBrowserSessionRepository } from './browser-sessions.ts';
import { type BudgetRepository, createBudgetRepository } from './budgets.ts';
import { type ConnectionRepository, createConnectionRepository } from './connections.ts';
import { type CredentialRepository, createCredentialRepository } from './credentials.ts';
import { createDirectoryRepository, type DirectoryRepository } from './directory.ts';
import { createGrantRepository, type GrantRepository } from './grants.ts';
import { createIdempotentAnswerRepository, type IdempotentAnswerRepository } from './idempotent-answers.ts';
import { createIdentityRepository, type IdentityRepository } from './identities.ts';
import { createMachineRepository, type MachineRepository } from './machines.ts';
import { createNotificationRepository, type NotificationRepository } from './notifications.ts';
import { createOAuthRepository, type OAuthRepository } from './oauth.ts';
import type { Store } from './open-store.ts';
import { createPasskeyRepository, type PasskeyRepository } from './passkeys.ts';
import { createPolicyRepository, type PolicyRepository } from './policies.ts';
import { createContentSeal } from './sealed-content.ts';
import { createSessionRepository, type SessionRepository } from './sessions.ts';
import { createSshAuthorityRepository, type SshAuthorityRepository } from './ssh-authorities.ts';
import { createSshKeyRepository, type SshKeyRepository } from './ssh-keys.ts';
import { createUpstreamAttemptRepository, type UpstreamAttemptRepository } from './upstream-attempts.ts';
import { createUserRepository, type UserRepository } from './users.ts';

/** All that the store offers to the capabilities. */
export interface Repositories {
  readonly users: UserRepository;
  readonly directory: DirectoryRepository;
  readonly passkeys: PasskeyRepository;
  readonly oauth: OAuthRepository;
  readonly browserSessions: BrowserSessionRepository;
  readonly identities: IdentityRepository;
  readonly upstreamAttempts: UpstreamAttemptRepository;
  readonly connections: ConnectionRepository;
  readonly credentials: CredentialRepository;
  readonly policies: PolicyRepository;
  readonly agents: AgentRepository;
  readonly agentNonces: AgentNonceRepository;
  readonly authorities: AuthorityRepository;
  readonly sshAuthorities: SshAuthorityRepository;
  readonly sshKeys: SshKeyRepository;
  readonly sessions: SessionRepository;
  readonly approvals: ApprovalRepository;
  readonly accessRequests: AccessRequestRepository;
  readonly grants: GrantRepository;
  readonly budgets: BudgetRepository;
  readonly notifications: NotificationRepository;
  readonly idempotentAnswers: IdempotentAnswerRepository;
  readonly audit: AuditRepository;
  readonly anchors: AnchorRepository;
  readonly machines: MachineRepository;
}

/** Makes the repositories of a store. `contentKey` (32 bytes) seals statements and parameters. */
export function createRepositories(store: Pick<Store, 'db'>, contentKey: Buffer): Repositories {
  return {
    users: createUserRepository(store),
    directory: createDirectoryRepository(store),
    passkeys: createPasskeyRepository(store),
    oauth: createOAuthRepository(store, createContentSeal(contentKey)),
    browserSessions: createBrowserSessionRepository(store),
    identities: createIdentityRepository(store, createContentSeal(contentKey)),
    upstreamAttempts: createUpstreamAttemptRepository(store, createContentSeal(contentKey)),
    connections: createConnectionRepository(store),
    credentials: createCredentialRepository(store),
    policies: createPolicyRepository(store),
    agents: createAgentRepository(store),
    agentNonces: createAgentNonceRepository(store),
    authorities: createAuthorityRepository(store),
    sshAuthorities: createSshAuthorityRepository(store),
    sshKeys: createSshKeyRepository(store),
    sessions: createSessionRepository(store),
    approvals: createApprovalRepository(store, createContentSeal(contentKey)),
    accessRequests: createAccessRequestRepository(store),
    grants: createGrantRepository(store),
    budgets: createBudgetRepository(store),
    notifications: createNotificationRepository(store),
    idempotentAnswers: createIdempotentAnswerRepository(store),
    audit: createAuditRepository(store),
    anchors: createAnchorRepository(store),
    machines: createMachineRepository(store),
  };
}
