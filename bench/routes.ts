import { type BenchContext, startHop } from './bench-context.ts';
import type { Weir } from './weir.ts';

/** A way to the database. */
export interface Route {
  readonly name: string;
  readonly dsn: string;
  /** Does it lead through gateway and agent? */
  readonly isWeir: boolean;
}

/** Routes of every comparison, the direct one first: its numbers are the others' measure. Under a profiler: the native listener alone. */
export async function openRoutes(context: BenchContext, weir: Weir): Promise<Route[]> {
  const { target } = context;
  if (context.profileDir !== undefined)
    return [{ name: 'Weir, native', dsn: await weir.nativeDsn('disable'), isWeir: true }];
  const oneHop = await startHop(context, 'tcp-hop', [String(target.port)]);
  const secondHop = await startHop(context, 'tcp-hop', [String(target.port)]);
  const twoHops = await startHop(context, 'tcp-hop', [String(secondHop)]);
  const plain = (name: string, port: number): Route => ({
    name,
    dsn: `${target.dsn(port)}?sslmode=disable`,
    isWeir: false,
  });
  return [
    plain('direct', target.port),
    plain('one TCP hop', oneHop),
    plain('two TCP hops', twoHops),
    { name: 'Weir, native', dsn: await weir.nativeDsn('disable'), isWeir: true },
    { name: 'Weir, native TLS', dsn: await weir.nativeDsn('require'), isWeir: true },
    { name: 'Weir, weir connect', dsn: await weir.connectDsn(), isWeir: true },
  ];
}
