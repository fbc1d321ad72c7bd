import { randomBytes, randomInt } from 'node:crypto';
import { findFreePort } from '@weir/embedded-postgres';
import { readStateJson, writeStateJson } from './state-file.ts';

/** The people of the demo, their groups and roles. */
export const demoUsers = [
  { name: 'alice', groups: ['developers'], roles: [] },
  { name: 'bob', groups: ['security'], roles: [] },
  { name: 'admin', groups: ['admins'], roles: ['admin'] },
] as const;

/** First choices; each is below the range that systems give to outgoing connections. */
export const preferredPorts = {
  api: 8010,
  front: 8011,
  tunnel: 8012,
  postgres: 15432,
  target: 15433,
  ssh: 15422,
  sshHost: 15423,
} as const;
export type PortName = keyof typeof preferredPorts;
export type Ports = Readonly<Record<PortName, number>>;

/** What stays the same from start to start. */
export interface DemoSettings {
  /** By user name. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly targetAdminPassword: string;
  readonly targetAppPassword: string;
  /** The ports of the last start; they are first choice at the next. */
  readonly ports: Ports;
}

/** Reads the settings, or makes them at the first start; ports that are taken now are replaced by free ones. Writes what changed. */
export async function loadDemoSettings(path: string): Promise<DemoSettings> {
  const stored = readStateJson(path) as Partial<DemoSettings> | undefined;
  const settings: DemoSettings = {
    passwords: { ...newPasswords(), ...stored?.passwords },
    targetAdminPassword: stored?.targetAdminPassword ?? randomBytes(24).toString('base64url'),
    targetAppPassword: stored?.targetAppPassword ?? randomBytes(24).toString('base64url'),
    ports: await choosePorts({ ...preferredPorts, ...stored?.ports }),
  };
  writeStateJson(path, settings);
  return settings;
}

/** For each name the wanted port when it is free, else another; all different. */
export async function choosePorts(wanted: Ports): Promise<Ports> {
  const chosen = new Map<PortName, number>();
  for (const name of Object.keys(preferredPorts) as PortName[]) {
    let port = await findFreePort(wanted[name]);
    while ([...chosen.values()].includes(port)) port = await findFreePort();
    chosen.set(name, port);
  }
  return Object.fromEntries(chosen) as Ports;
}

/** Random, and short enough to type: 12 characters without those that look alike (about 59 bits). */
function newPasswords(): Record<string, string> {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
  const password = (): string => {
    const part = (): string => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join('');
    return [part(), part(), part()].join('-');
  };
  return Object.fromEntries(demoUsers.map(({ name }) => [name, password()]));
}
