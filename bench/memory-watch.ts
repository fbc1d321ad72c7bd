import { residentKiB } from './child.ts';
import type { Row, Section } from './section.ts';
import type { Weir } from './weir.ts';

/** Resident memory of gateway and agent at one time, KiB. */
export type Memory = readonly [gateway: number, agent: number];

/** Reads it now. */
export function readMemory(weir: Weir): Memory {
  return [residentKiB(weir.gatewayPid), residentKiB(weir.agentPid)];
}

/** Runs something and gives the most that each process had meanwhile, looking five times a second. */
export async function withPeakMemory<T>(weir: Weir, run: () => Promise<T>): Promise<{ result: T; peak: Memory }> {
  let peak = readMemory(weir);
  const look = () => {
    const now = readMemory(weir);
    peak = [Math.max(peak[0], now[0]), Math.max(peak[1], now[1])];
  };
  const timer = setInterval(look, 200);
  try {
    const result = await run();
    look();
    return { result, peak };
  } finally {
    clearInterval(timer);
  }
}

/** The section about memory; each sample has a title and goes into a column. */
export function memorySection(samples: readonly { readonly title: string; readonly memory: Memory }[]): Section {
  const row = (process: string, pick: (memory: Memory) => number): Row => ({
    process,
    ...Object.fromEntries(samples.map(({ memory }, index) => [`at${index}`, pick(memory) / 1024])),
  });
  return {
    name: 'memory',
    title: 'Memory',
    notes: ['Resident memory of the processes, MiB; under load the most that was seen in any of its runs.'],
    columns: [
      { key: 'process', title: 'process' },
      ...samples.map(({ title }, index) => ({ key: `at${index}`, title, digits: 0 })),
    ],
    rows: [
      row('gateway', ([gateway]) => gateway),
      row('agent', ([, agent]) => agent),
      row('both', ([gateway, agent]) => gateway + agent),
    ],
  };
}
