import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiClient } from '@weir/api';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { denyOrders } from './fixture/closed-orders.ts';
import { driverOptions } from './fixture/drivers.ts';
import { type System, startSystem } from './fixture/system.ts';
import { root } from './fixture/wait.ts';

const demo = readFileSync(join(root, 'apps/demo/policy/shop.yaml'), 'utf8');

/** A client that stops in the middle of its sign-in, after its start-up message, can choose when it goes on. */
describe('what changes while a client signs in', () => {
  let system: System;
  let admin: ApiClient;
  beforeAll(async () => {
    system = await startSystem({ customers: 20 });
    admin = await system.as('admin');
  });
  afterEach(async () => {
    await admin.applyPolicy({ text: demo });
  });
  afterAll(() => system?.stop());

  /** @returns what the query says after `change` happened between start-up and password. */
  const askAround = async (change: (sessionId: string) => Promise<unknown>, sql: string) => {
    const { dsn, id } = await system.dsn('alice');
    const url = new URL(dsn);
    let hasChanged = false;
    // Without the DSN in the options: its password would win over the one that is asked for after the start-up message.
    const { ssl } = driverOptions(system, dsn);
    const client = new pg.Client({
      ...{ host: url.hostname, port: Number(url.port), database: url.pathname.slice(1) },
      user: decodeURIComponent(url.username),
      ...(ssl !== undefined && { ssl }),
      password: async () => {
        await change(id);
        hasChanged = true;
        return decodeURIComponent(url.password);
      },
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query(sql);
      return `rows: ${JSON.stringify(rows)}`;
    } catch (error) {
      return `error: ${(error as Error).message}`;
    } finally {
      await client.end().catch(() => undefined);
      expect(hasChanged).toBe(true);
    }
  };

  it('lets nobody into a session that was ended', async () => {
    const said = await askAround((id) => admin.killSession(id, { reason: 'stolen' }), 'select count(*) from orders');
    expect(said).toMatch(/^error: /);
  });

  it('counts for the channel', async () => {
    const change = () => admin.applyPolicy({ text: [demo, denyOrders].join('\n---\n') });
    const said = await askAround(change, 'select count(*) from orders');
    expect(said).toMatch(/^error: .*migrated/s);
  });
});
