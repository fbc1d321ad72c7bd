export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts';
export { findFreePort } from './free-port.ts';
export { readLogTail } from './log-tail.ts';
export {
  clearLeftoverServer,
  type PostmasterFile,
  readPostmasterFile,
  runningPostmaster,
  tryPostmasterFile,
} from './postmaster-pid.ts';
export { isProcessAlive, processCommand, processIdentity } from './process-identity.ts';
export { findServerBinaries, type ServerBinaries } from './server-binaries.ts';
export {
  prepareInstallation,
  prepareServerHome,
  type ServerHome,
  type ServerHomeOptions,
  serverHomePath,
} from './server-home.ts';
export { acquireStateLock, type LockHolder, lockHolder, type StateLock } from './state-lock.ts';
export {
  type ChildExit,
  childFailed,
  type SupervisedChild,
  type SuperviseOptions,
  settlesWithin,
  superviseChild,
} from './supervise-child.ts';
export { type Account, parsePasswd, serverAccount } from './unprivileged-account.ts';
export { createWatchdog, type Watchdog } from './watchdog.ts';
