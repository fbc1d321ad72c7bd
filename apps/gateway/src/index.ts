export { type GatewayConfig, gatewayConfigSchema } from './config/config-schema.ts';
export { loadConfig, parseConfig } from './config/load-config.ts';
export { type Gateway, type GatewayAddresses, type GatewayOptions, startGateway } from './gateway.ts';
export { createLog, type Log, silentLog } from './log/create-log.ts';
