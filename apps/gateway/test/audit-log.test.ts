import { describe, expect, test } from 'vitest';
import { createAuditLog } from '../src/audit/audit-log.ts';
import { createLog } from '../src/log/create-log.ts';
import type { NewAuditEntry } from '../src/store/audit.ts';

/** A store that can be slow or broken. */
function setUp() {
  const stored: NewAuditEntry[] = [];
  const batches: number[] = [];
  const lines: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  let isBroken = false;
  const audit = createAuditLog(
    {
      append: async (entries) => {
        await gate;
        if (isBroken) throw new Error('disk full');
        batches.push(entries.length);
        stored.push(...entries);
      },
      list: async () => [],
    },
    { now: () => 0, log: createLog((line) => lines.push(line)) },
  );
  return {
    ...{ audit, stored, batches, lines },
    slow: () => {
      let open: () => void = () => undefined;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return open;
    },
    break: (broken: boolean) => {
      isBroken = broken;
    },
  };
}
const report = (subject: string, detail = {}) => ({ actor: 'a', action: 'test', subject, detail });

describe('audit log', () => {
  test('keeps the order and stores what waits together', async () => {
    const { audit, stored, batches } = setUp();
    for (let n = 0; n < 500; n++) audit.later(report(String(n)));
    await audit.append(report('last'));
    expect(stored.map((entry) => entry.subject)).toEqual([
      ...Array.from({ length: 500 }, (_unused, n) => String(n)),
      'last',
    ]);
    expect(batches).toEqual([200, 200, 101]);
  });

  test('tells the reporter when an event cannot be stored, and goes on afterwards', async () => {
    const system = setUp();
    system.break(true);
    await expect(system.audit.append(report('lost'))).rejects.toThrow('disk full');
    system.audit.later(report('background'));
    await system.audit.flush();
    expect(system.lines.join('')).toContain('an audit event could not be stored');
    system.break(false);
    await system.audit.append(report('kept'));
    expect(system.stored.map((entry) => entry.subject)).toEqual(['kept']);
  });

  test('bounds what strangers can make it hold, and says how much it dropped', async () => {
    const system = setUp();
    const open = system.slow();
    for (let n = 0; n < 10_500; n++) system.audit.later(report(String(n)));
    open();
    await system.audit.flush();
    await system.audit.flush();
    const dropped = system.stored.find((entry) => entry.action === 'audit-events-dropped');
    expect(system.stored.filter((entry) => entry.action === 'test')).toHaveLength(10_000);
    expect(JSON.parse(dropped?.detail ?? '')).toEqual({ count: 500 });
  });

  test('cuts long texts and takes NUL out, which the store cannot hold', async () => {
    const { audit, stored } = setUp();
    await audit.append(report('a\u0000b', { text: 'x'.repeat(5000), deep: { nul: '\u0000' } }));
    expect(stored[0]?.subject).toBe('ab');
    expect(JSON.parse(stored[0]?.detail ?? '')).toEqual({ text: 'x'.repeat(2000), deep: { nul: '' } });
  });
});
