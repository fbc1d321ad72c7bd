import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { settlesWithin, superviseChild } from '@weir/embedded-postgres';
import { WeirError } from '@weir/errors';
import { becomesTrue, type GatewayApi } from './gateway-api.ts';
import type { GatewayRuntime } from './gateway-config.ts';
import { serverFlags } from './node-programs.ts';
import type { StartContext } from './start-gateway.ts';
import { readStateJson, writeStateFile, writeStateJson } from './state-file.ts';

const agentName = 'demo';
const onlineTimeoutMs = 20_000;

/**
 * Starts the agent and waits until the gateway sees it for `connection`. It enrols at the first start, when the gateway's addresses changed, and once
 * more when its old enrolment does not bring it online (its certificate ran out while the demo was stopped).
 */
export async function startAgent(
  context: StartContext,
  api: GatewayApi,
  runtime: GatewayRuntime,
  connection: string,
): Promise<void> {
  const addresses = JSON.stringify([runtime.front, runtime.tunnel]);
  const isEnrolled = readStateJson(context.layout.agentEnrolment)?.['addresses'] === addresses;
  if (isEnrolled && (await runAgent(context, api, connection)) === undefined) return;
  await enrol(context, api, addresses);
  const problem = await runAgent(context, api, connection);
  if (problem) throw problem;
}

async function enrol({ layout, programs, env }: StartContext, api: GatewayApi, addresses: string): Promise<void> {
  if (readStateJson(layout.agentEnrolment)) await api.revokeAgent(agentName);
  rmSync(layout.agentEnrolment, { force: true });
  rmSync(layout.agentState, { recursive: true, force: true });
  writeStateFile(layout.agentToken, await api.createJoinToken(agentName));
  try {
    const args = [programs.agent, 'enrol', '--token-file', layout.agentToken, '--state', layout.agentState];
    await promisify(execFile)(process.execPath, args, { env, timeout: 30_000 });
  } catch (cause) {
    const { stderr = '', stdout = '', message } = cause as { stderr?: string; stdout?: string; message: string };
    throw new WeirError('internal', 'The agent could not enrol.', {
      why: (stderr || stdout || message).trim().slice(-1_000),
      cause,
    });
  } finally {
    rmSync(layout.agentToken, { force: true });
  }
  writeStateJson(layout.agentEnrolment, { addresses });
}

/** Starts the agent; gives the problem, with the process stopped, when it does not come online. */
async function runAgent(context: StartContext, api: GatewayApi, connection: string): Promise<WeirError | undefined> {
  const { layout, programs, env, children } = context;
  const logFile = join(layout.logs, 'agent.log');
  const child = await superviseChild({
    name: 'The agent',
    command: process.execPath,
    args: [...serverFlags, programs.agent, 'run', '--state', layout.agentState],
    env,
    cwd: layout.root,
    logFile,
  });
  const isOnline = await becomesTrue(
    async () => (await settlesWithin(child.exited, 0)) || (await api.isAgentOnline(connection)),
    onlineTimeoutMs,
  );
  if (isOnline && !(await settlesWithin(child.exited, 0))) {
    children.add(child, logFile);
    return undefined;
  }
  const exit = await child.stop();
  return new WeirError('agent_unavailable', 'The agent did not connect to the gateway.', {
    why: `The end of its log:\n${exit.logTail || '(empty)'}`,
    fix: `Read its log: ${logFile}`,
  });
}
