import type { ColumnType, Generated } from 'kysely';

/** A moment: read as Date, written as Date or by the database's now(). */
type Moment = ColumnType<Date, Date | undefined, Date>;
type MaybeMoment = ColumnType<Date | null, Date | null | undefined, Date | null>;
/** bigint: read as text. */
type Big = ColumnType<string, number | undefined, number | string>;
type MaybeBig = ColumnType<string | null, number | null | undefined, number | null>;
/** jsonb: read as a value, written as JSON text. */
type Json<T> = ColumnType<T, string, string>;

/** The store's tables, as the newest migration leaves them. */
export interface StoreTables {
  users: {
    id: string;
    name: string;
    /** Null: this account does not sign in with a password. */
    password_hash: string | null;
    /** Given to the account itself; those of a directory and of upstream identities come on top (effective_groups). */
    groups: string[];
    roles: string[];
    disabled: Generated<boolean>;
    /** For emergencies: signs in also when local accounts are switched off, loudly. */
    emergency: Generated<boolean>;
    created_at: Moment;
    changed_at: Moment;
    display_name: string | null;
    email: string | null;
    email_verified: Generated<boolean>;
    /** The same for all accounts of one human; an account that is not linked has its own id here. */
    person_id: string;
    /** Raised when all sign-ins of the account end. */
    sign_in_epoch: Generated<number>;
    /** Who made the account: local, scim or the name of an upstream provider. */
    source: Generated<string>;
    last_sign_in_at: MaybeMoment;
    /** The directory's id of the account (SCIM externalId). */
    external_id: string | null;
    /** The directory's name of the account as it was written (SCIM userName). */
    directory_name: string | null;
    /** What a directory said beyond that and gets back. */
    directory_profile: Json<Record<string, unknown>> | null;
    kind: Generated<'person' | 'service' | 'ai-agent'>;
    /** The person who answers for a service account; null for people, and for accounts that trust rules make. */
    owner_id: string | null;
  };
  service_keys: {
    id: string;
    hash: Buffer;
    user_id: string;
    label: string;
    /** Of the account's groups, these alone; null = all. */
    groups: string[] | null;
    /** Globs of names; null = all. */
    connections: string[] | null;
    created_by: string;
    created_at: Moment;
    expires_at: Moment;
    last_used_at: MaybeMoment;
    last_used_from: string | null;
    revoked_at: MaybeMoment;
  };
  /** A person lets a service or an AI agent act for him. */
  delegations: {
    id: string;
    person_id: string;
    service_id: string;
    created_at: Moment;
    expires_at: Moment;
    revoked_at: MaybeMoment;
  };
  workload_tokens_used: { hash: Buffer; expires_at: Moment };
  /** View: the groups of an account from all sources. */
  effective_groups: { user_id: string; name: string };
  /** What oidc-provider keeps, sealed; ids are SHA-256 hashes. */
  oauth_payloads: {
    model: string;
    id: Buffer;
    payload: Buffer;
    grant_hash: Buffer | null;
    uid_hash: Buffer | null;
    user_code_hash: Buffer | null;
    user_id: string | null;
    consumed_at: MaybeMoment;
    expires_at: Moment;
  };
  /** One row per sign-in of a client. */
  oauth_grants: {
    /** SHA-256 of the grant's id; tokens name it as `sid`. */
    hash: Buffer;
    user_id: string;
    client_id: string;
    amr: string[];
    auth_time: Moment;
    mfa_at: MaybeMoment;
    created_at: Moment;
    expires_at: Moment;
    revoked_at: MaybeMoment;
    /** The key of a service account that it was signed in by. */
    key_id: ColumnType<string | null, string | null | undefined, never>;
    /** The trust rule that a job was signed in by, and its fingerprint then. */
    trust_rule: ColumnType<string | null, string | null | undefined, never>;
    trust_hash: ColumnType<string | null, string | null | undefined, never>;
    delegation_id: ColumnType<string | null, string | null | undefined, never>;
  };
  /** Sealed private JWKs. */
  oauth_keys: { kid: string; key: Buffer; created_at: Moment };
  browser_sessions: {
    hash: Buffer;
    user_id: string;
    amr: string[];
    auth_time: Moment;
    mfa_at: MaybeMoment;
    expires_at: Moment;
  };
  passkeys: {
    /** The credential's id, base64url. */
    id: string;
    user_id: string;
    name: string;
    /** COSE key. */
    public_key: Buffer;
    counter: Big;
    transports: string[];
    backed_up: boolean;
    created_at: Moment;
    last_used_at: MaybeMoment;
    /** A copy of it was used. */
    locked_at: MaybeMoment;
  };
  passkey_challenges: {
    /** SHA-256 of the challenge. */
    hash: Buffer;
    purpose: string;
    user_id: string | null;
    /** What the answer is good for, e.g. the token that is stepped up. */
    subject: string | null;
    expires_at: Moment;
  };
  directory_groups: {
    id: string;
    /** As policy knows it. */
    name: string;
    display_name: string;
    external_id: string | null;
    created_at: Moment;
    changed_at: Moment;
  };
  directory_members: { group_id: string; user_id: string };
  identities: {
    id: string;
    /** Name of the provider in the configuration. */
    provider: string;
    /** OIDC issuer or SAML entity id: a subject means nothing without it. */
    issuer: string;
    subject: string;
    user_id: string;
    groups: string[];
    email: string | null;
    /** Ids of the person's sessions there, newest first. */
    upstream_sessions: string[];
    /** Sealed. */
    refresh_token: Buffer | null;
    created_at: Moment;
    last_sign_in_at: Moment;
    /** When the provider last said something of it. */
    checked_at: Moment;
    next_check_at: MaybeMoment;
    /** Its groups hold until then. */
    confirmed_until: Moment;
  };
  upstream_attempts: { hash: Buffer; provider: string; browser: Buffer; content: Buffer; expires_at: Moment };
  upstream_seen: { hash: Buffer; expires_at: Moment };
  connections: {
    name: string;
    agent: string;
    labels: Json<Record<string, string>>;
    target: Json<unknown>;
    updated_at: Moment;
    /** Counts changes, from 1. */
    version: Generated<number>;
    updated_by: string | null;
    /** What the last change changed, e.g. `target.host`. */
    changed_fields: ColumnType<string[], string[] | undefined, string[]>;
  };
  credentials: {
    connection: string;
    key_id: string;
    wrapped_key: Buffer;
    content: Buffer;
    updated_by: string;
    updated_at: Moment;
  };
  policies: {
    number: Generated<number>;
    version: string;
    text: string;
    applied_at: Moment;
    applied_by: string;
  };
  agents: {
    id: string;
    name: string;
    serial: string;
    previous_serial: string | null;
    previous_used_at: MaybeMoment;
    renewals: Generated<number>;
    certificate_expires_at: Moment;
    version: string;
    enrolled_at: Moment;
    last_seen_at: MaybeMoment;
    revoked_at: MaybeMoment;
    locked_at: MaybeMoment;
    lock_reason: string | null;
    locked_by: string | null;
    /** SHA-256 of the nonce that was shown or confirmed last, and of the one that was given since. */
    nonce_hash: Buffer | null;
    next_nonce_hash: Buffer | null;
    /** When the agent sent its last request for a certificate after the end of one: no request counts twice. */
    recovery_sent_at: MaybeMoment;
    /** Id of the CA that signed the certificate; null: the first. */
    issuer: string | null;
    /** Whose connections it may serve. */
    pool: string;
  };
  authorities: {
    id: string;
    certificate: string;
    key_id: string | null;
    wrapped_key: Buffer | null;
    content: Buffer | null;
    created_by: string;
    created_at: Moment;
    retires_at: MaybeMoment;
    retired_at: MaybeMoment;
  };
  ssh_authorities: {
    /** `SHA256:…` of the public key. */
    id: string;
    purpose: 'users' | 'targets' | 'hosts' | 'listener';
    public_key: string;
    key_id: string | null;
    wrapped_key: Buffer | null;
    content: Buffer | null;
    created_by: string;
    created_at: Moment;
    retires_at: MaybeMoment;
    retired_at: MaybeMoment;
  };
  ssh_keys: {
    id: string;
    user_id: string;
    /** `SHA256:…` */
    fingerprint: string;
    /** Type and base64 text. */
    public_key: string;
    label: string;
    /** Of a security key: how often it had signed. */
    counter: Big;
    created_by: string;
    created_at: Moment;
    last_used_at: MaybeMoment;
    last_used_from: ColumnType<string | null, string | null | undefined, string | null>;
  };
  ssh_certificates: {
    /** Decimal. */
    serial: string;
    user_id: string;
    /** Hash of the sign-in that it ends with. */
    sign_in: Buffer;
    /** Of the key inside. */
    fingerprint: string;
    issued_at: Moment;
    expires_at: Moment;
  };
  join_tokens: {
    hash: Buffer;
    /** Name of the one agent that it enrols; null: agents of the pool, with names of the gateway's choice. */
    agent: string | null;
    pool: string;
    uses: Generated<number>;
    used_count: Generated<number>;
    revoked_at: MaybeMoment;
    created_by: string;
    created_at: Moment;
    expires_at: Moment;
    used_at: MaybeMoment;
  };
  sessions: {
    id: string;
    connection: string;
    user_id: string;
    principal: string;
    acting_for: ColumnType<string | null, string | null | undefined, string | null>;
    via: 'native' | 'connect';
    state: 'active' | 'ended';
    opened_at: Moment;
    expires_at: Moment;
    ended_at: MaybeMoment;
    end_reason: string | null;
    channels: Generated<number>;
    statements: Generated<number>;
    denied: Generated<number>;
    client_address: string | null;
    recording: 'open' | 'sealed' | 'broken';
  };
  approval_requests: {
    id: string;
    session_id: string;
    connection: string;
    user_id: string;
    principal: string;
    /** Sealed JSON {statement, parameters}. */
    content: Buffer;
    database: string;
    role: string;
    tables: Json<string[]>;
    kind: string;
    rule: string;
    reason: string;
    approvers: string[];
    mode: 'wait' | 'retry';
    binding: string;
    timeout_ms: number;
    state: 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn' | 'used';
    created_at: Moment;
    expires_at: Moment;
    decided_at: MaybeMoment;
    decided_by: string | null;
    decision_reason: string | null;
    asked_under: string | null;
    /** Ids of the people behind the principal when it asked. */
    behind: ColumnType<string[], string[] | undefined, string[]>;
    acting_for: ColumnType<string | null, string | null | undefined, string | null>;
    people: Generated<number>;
    require: ColumnType<'one-of' | 'all-of', 'one-of' | 'all-of' | undefined, never>;
    estimate: ColumnType<{ rows: number | null; why: string | null } | null, string | null | undefined, string | null>;
  };
  approval_decisions: {
    request_id: string;
    person_id: string;
    user_id: string;
    name: string;
    decision: 'approve' | 'deny';
    reason: string;
    at: Moment;
  };
  access_requests: {
    id: string;
    user_id: string;
    principal: string;
    principal_kind: 'person' | 'service' | 'ai-agent';
    connection: string;
    rule: string;
    seconds: number;
    reason: string;
    ticket: string | null;
    approvers: string[];
    require: 'one-of' | 'all-of';
    people: number;
    never: Json<{ groups?: string[]; principals?: string[] } | null> | null;
    /** What it was asked under (grants/asked-under.ts). */
    asked_under: string;
    /** Ids of the people behind the principal when it asked. */
    behind: string[];
    state: 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled' | 'outdated';
    created_at: Moment;
    expires_at: Moment;
    decided_at: MaybeMoment;
    decided_by: string | null;
    decision_reason: string | null;
  };
  access_decisions: {
    request_id: string;
    person_id: string;
    user_id: string;
    name: string;
    decision: 'approve' | 'deny';
    reason: string;
    at: Moment;
  };
  grants: {
    id: string;
    request_id: string | null;
    kind: 'request' | 'break-glass';
    user_id: string;
    principal: string;
    principal_kind: 'person' | 'service' | 'ai-agent';
    connection: string;
    rule: string;
    reason: string;
    ticket: string | null;
    /** Where the connection led when it was granted, as a hash. */
    target: string;
    behind: string[];
    /** Groups that may see and revoke it. */
    watchers: string[];
    from_at: Moment;
    until_at: Moment;
    revoked_at: MaybeMoment;
    revoked_by: string | null;
    revoke_reason: string | null;
    /** That it ends soon is in the audit log. */
    ending_noted_at: MaybeMoment;
    /** Its end is in the audit log. */
    end_noted_at: MaybeMoment;
    /** Of break-glass: groups that look at it afterwards. */
    review_by: string[] | null;
    review_due_at: MaybeMoment;
    overdue_noted_at: MaybeMoment;
    reviewed_at: MaybeMoment;
    reviewed_by: string | null;
    review_verdict: 'justified' | 'not-justified' | null;
    review_comment: string | null;
  };
  budget_usage: {
    user_id: string;
    principal: string;
    rule: string;
    per: 'hour' | 'day';
    starts_at: Moment;
    ends_at: Moment;
    rows_used: Big;
    bytes_used: Big;
    /** What approvals added. */
    rows_added: Big;
    bytes_added: Big;
    /** Bounds as the policy had them last, without what was added. */
    max_rows: MaybeBig;
    max_bytes: MaybeBig;
    mode: 'enforce' | 'observe';
    exhausted_at: MaybeMoment;
  };
  budget_additions: { request_id: string; added_at: Moment };
  notification_cursor: { only_row: Generated<boolean>; after_event: Big };
  notification_deliveries: {
    id: Generated<string>;
    channel: string;
    event_id: string;
    notice: Json<unknown>;
    state: 'pending' | 'sent' | 'dead';
    attempts: Generated<number>;
    next_at: Moment;
    last_error: ColumnType<string | null, string | null | undefined, string | null>;
    created_at: Moment;
    settled_at: MaybeMoment;
  };
  idempotent_answers: {
    /** SHA-256 of principal and key. */
    hash: Buffer;
    /** SHA-256 of method, address and body. */
    request: Buffer;
    state: 'running' | 'done' | 'unknown';
    /** Sealed. */
    content: Buffer | null;
    expires_at: Moment;
  };
  audit_events: {
    id: string;
    at: Moment;
    actor: string;
    action: string;
    subject: string;
    /** JSON text, kept as written because the hash covers it. */
    detail: string;
    previous_hash: Buffer;
    hash: Buffer;
  };
  recording_anchors: {
    session: string;
    entries: number;
    bytes: ColumnType<string, number, number>;
    head_hash: string;
    sealed: boolean;
    public_key: string;
    file: string;
    updated_at: Moment;
  };
}
