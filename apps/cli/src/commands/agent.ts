import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { signedIn } from '../gateway/api.ts';
import { note, printJson, printLine, printList } from '../terminal/output.ts';
import { addProgram } from './add-program.ts';
import { addAgentAuthorities } from './agent-ca.ts';
import { act, type CommonOptions, leaf } from './leaf.ts';

interface TokenOptions {
  readonly pool?: string;
  readonly uses: string;
  readonly ttl: string;
}

/** `weir agent` */
export function addAgent(program: Command, cli: Cli): void {
  const agent = program
    .command('agent')
    .alias('agents')
    .description('Run an agent in the network of your databases; manage agents');
  const usage =
    '--state DIR; --token-file FILE, --token TOKEN, or --platform-token-file FILE --gateway HOST:PORT --ca-pin SHA256; --pool NAME';
  addProgram(agent, cli, {
    app: 'agent',
    name: 'enrol',
    description: 'Trade a join token for a certificate',
    usage,
    examples: ['weir agent enrol --token-file join-token --state agent-state'],
    passed: ['enrol'],
  });
  addProgram(agent, cli, {
    app: 'agent',
    name: 'run',
    description: 'Serve connections until stopped',
    usage,
    examples: ['weir agent run --state agent-state'],
    passed: ['run'],
  });
  leaf(agent, 'token', 'Make a join token for an agent (administrators); it is shown once', [
    'weir agent token my-agent > join-token',
    'weir agent token --pool production --uses 3 > join-token',
  ])
    .argument('[name]', "the agent's name; without it, agents of the pool get names of their own")
    .option('--pool <name>', "the pool whose connections it may serve; the agent's own name when absent")
    .option('--uses <number>', 'how many agents may enrol with it; more than one needs --pool and no name', '1')
    .option('--ttl <seconds>', 'how long it can be used', '1800')
    .action(
      act(cli, async (name: string | undefined, options: CommonOptions & TokenOptions) => {
        const made = await signedIn(cli).api.createJoinToken({
          ...(name === undefined ? {} : { agent: name }),
          ...(options.pool === undefined ? {} : { pool: options.pool }),
          ...{ uses: Number(options.uses), ttlSeconds: Number(options.ttl) },
        });
        if (options.json === true) return printJson(cli, made);
        printLine(cli, made.token);
        note(cli, `Good until ${made.expiresAt}: weir agent enrol --token TOKEN --state FOLDER`);
      }),
    );
  leaf(agent, 'tokens', 'List join tokens whose time is not over (administrators, auditors)', [
    'weir agent tokens',
  ]).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listJoinTokens(),
        columns: [
          ['id', ({ id }) => id],
          ['agent', ({ agent }) => agent],
          ['pool', ({ pool }) => pool],
          ['used', ({ uses, usedCount }) => `${usedCount} of ${uses}`],
          ['made by', ({ createdBy }) => createdBy],
          ['made', ({ createdAt }) => createdAt],
          ['expires', ({ expiresAt }) => expiresAt],
        ],
        empty: 'No join token is good now. Make one: weir agent token NAME',
      });
    }),
  );
  leaf(agent, 'revoke-token', 'Make an unused join token worthless (administrators)', [
    'weir agent revoke-token 0123456789ab',
  ])
    .argument('<id>', 'its id in weir agent tokens')
    .action(
      act(cli, async (id: string, options: CommonOptions) => {
        await signedIn(cli).api.revokeJoinToken(id);
        if (options.json === true) printJson(cli, { revoked: id });
        else note(cli, `Revoked the join token ${id}.`);
      }),
    );
  leaf(agent, 'ls', 'List agents (administrators)', ['weir agent ls']).action(
    act(cli, async (options: CommonOptions) => {
      printList(cli, options, {
        items: await signedIn(cli).api.listAgents(),
        columns: [
          ['name', ({ name }) => name],
          ['pool', ({ pool }) => pool],
          ['id', ({ id }) => id],
          ['state', ({ online, locked }) => (locked !== null ? 'locked' : online ? 'online' : 'offline')],
          ['version', ({ version }) => version],
          ['channels', ({ channels }) => channels],
          ['last seen', ({ lastSeenAt }) => lastSeenAt],
          ['locked because', ({ locked }) => locked?.reason ?? null],
        ],
        empty: 'No agent has enrolled yet. Make a token: weir agent token NAME',
      });
    }),
  );
  leaf(agent, 'lock', 'Refuse an agent until it is unlocked; ends its sessions (administrators)', [
    'weir agent lock my-agent --reason "laptop stolen"',
  ])
    .argument('<name>', "the agent's name")
    .option('--reason <text>', 'why; shown in lists and to the agent', '')
    .action(
      act(cli, async (name: string, options: CommonOptions & { reason: string }) => {
        await signedIn(cli).api.lockAgent(name, { reason: options.reason });
        if (options.json === true) printJson(cli, { locked: name });
        else note(cli, `Locked ${name}. Let it in again: weir agent unlock ${name}`);
      }),
    );
  leaf(agent, 'unlock', 'Let a locked agent in again; the next holder of its identity is believed (administrators)', [
    'weir agent unlock my-agent',
  ])
    .argument('<name>', "the agent's name")
    .action(
      act(cli, async (name: string, options: CommonOptions) => {
        await signedIn(cli).api.unlockAgent(name);
        if (options.json === true) printJson(cli, { unlocked: name });
        else note(cli, `Unlocked ${name}.`);
      }),
    );
  addAgentAuthorities(agent, cli);
  leaf(agent, 'revoke', 'Take an agent its certificate (administrators)', ['weir agent revoke my-agent'])
    .argument('<name>', "the agent's name")
    .action(
      act(cli, async (name: string, options: CommonOptions) => {
        await signedIn(cli).api.revokeAgent(name);
        if (options.json === true) printJson(cli, { revoked: name });
        else note(cli, `Revoked ${name}.`);
      }),
    );
}
