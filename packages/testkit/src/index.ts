export {
  type Customer,
  generateCustomers,
  type LoadedShop,
  type LoadShopOptions,
  loadShop,
  shopSeed,
} from '@weir/demo';
export { findFreePort as freePort } from '@weir/embedded-postgres';
export {
  type CommandOptions,
  type CommandResult,
  hasCommand,
  isExecutable,
  runCommand,
  runPsql,
} from './commands.ts';
export { createSshKey, type SshCertificateOptions, type SshKey, signSshKey } from './ssh-keys.ts';
export { findSshd, type SshServer, type SshServerOptions, startSshServer } from './ssh-server.ts';
export { createTemporaryFolder, type TemporaryFolder } from './temporary-folder.ts';
export {
  hasPostgres15,
  serverInstallation,
  startPostgres15,
  startPostgres18,
  type TestServer,
  type TestServerOptions,
} from './test-server.ts';
export { startWorkloadIssuer, type WorkloadIssuer } from './workload-issuer.ts';
