/** Which workspace packages a folder may import, and why the line is drawn there. Tests may import @weir/testkit and their own package's rules too. */
export interface ImportRule {
  readonly may: readonly string[];
  readonly why: string;
  /** May it open sockets, files or processes? Packages do no I/O, with the exceptions named here. */
  readonly io: boolean;
}

const pure = false;
const io = true;

/** One row for each package and app of the house. A folder without a row is an error. */
export const importRules: Readonly<Record<string, ImportRule>> = {
  'packages/errors': { may: [], io: pure, why: 'everybody stands on it' },
  'packages/proto': { may: [], io: pure, why: 'the contract depends on nothing, so that every language can follow it' },
  'packages/policy': { may: ['errors'], io: pure, why: 'the same evaluate() runs in agent, CLI and browser' },
  'packages/sql': {
    may: ['errors', 'policy'],
    io: pure,
    why: 'facts about statements; its worker host is the runtime’s',
  },
  'packages/shell': {
    may: ['errors', 'policy'],
    io: pure,
    why: 'facts about shell texts, as packages/sql has them about SQL',
  },
  'packages/masking': { may: ['errors', 'policy'], io: pure, why: 'values in, values out' },
  'packages/recording': {
    may: ['errors', 'policy'],
    io: pure,
    why: 'the format is verified offline, far from any gateway',
  },
  'packages/wire-postgres': { may: ['errors'], io: pure, why: 'a codec knows neither policy nor other protocols' },
  'packages/wire-ssh': { may: ['errors'], io: pure, why: 'a codec knows neither policy nor other protocols' },
  'packages/ssh-certificate': {
    may: ['errors'],
    io: pure,
    why: 'who signed what is decided alike at the gateway, in the agent and in the CLI',
  },
  'packages/gate': {
    may: ['errors', 'policy', 'sql', 'shell', 'masking', 'recording'],
    io: pure,
    why: 'the order of judging knows no wire format',
  },
  'packages/api': { may: ['errors', 'policy'], io: pure, why: 'shared by gateway, CLI and console' },
  'packages/tunnel': {
    may: ['errors', 'proto'],
    io,
    why: 'streams are its job; it carries bytes that it does not read',
  },
  'packages/session': {
    may: [
      ...['errors', 'policy', 'sql', 'masking', 'gate', 'recording', 'wire-postgres', 'wire-ssh', 'tunnel', 'proto'],
      'ssh-certificate',
    ],
    io,
    why: 'the one place where gate and wire meet',
  },
  'packages/embedded-postgres': { may: ['errors'], io, why: 'supervises a server process' },
  'packages/testkit': {
    may: ['errors', 'embedded-postgres', 'demo'],
    io,
    why: 'real servers and the demo’s data for tests',
  },
  'apps/gateway': {
    may: [
      ...['errors', 'api', 'embedded-postgres', 'policy', 'proto', 'recording', 'tunnel', 'wire-postgres', 'wire-ssh'],
      'ssh-certificate',
    ],
    io,
    why: 'no statement is analysed and no row is masked at the gateway',
  },
  'apps/agent': {
    may: ['errors', 'proto', 'session', 'ssh-certificate', 'tunnel'],
    io,
    why: 'a light process around the session runtime',
  },
  'apps/cli': {
    may: ['errors', 'api', 'policy', 'recording', 'proto', 'tunnel', 'sql', 'gate', 'ssh-certificate', 'wire-postgres'],
    io,
    why: 'talks to the gateway by API and front door only; of the wire it knows where messages end, to say why a port closes; cases of a policy are read as the gate reads requests',
  },
  'apps/demo': {
    may: ['errors', 'embedded-postgres', 'api'],
    io,
    why: 'starts the others as processes; imports none of them',
  },
  bench: { may: ['embedded-postgres', 'testkit', 'demo', 'api', 'tunnel'], io, why: 'measures from outside' },
  e2e: {
    may: ['embedded-postgres', 'testkit', 'errors', 'demo', 'api', 'policy', 'recording', 'ssh-certificate'],
    io,
    why: 'uses the system as its users do',
  },
  fuzz: {
    may: ['errors', 'policy', 'sql', 'shell', 'ssh-certificate', 'wire-postgres', 'wire-ssh'],
    io,
    why: 'feeds the pure packages with what nobody would write; needs no other part of the system',
  },
};
