import type { FuzzTargetLoader } from '../core/target.ts';

/** All targets, by the names that the command takes. */
export const targets: Readonly<Record<string, FuzzTargetLoader>> = {
  frontend: {
    sources: ['/packages/wire-postgres/src/'],
    load: async () => (await import('./engine-target.ts')).engineTarget('client'),
  },
  backend: {
    sources: ['/packages/wire-postgres/src/'],
    load: async () => (await import('./engine-target.ts')).engineTarget('server'),
  },
  'sign-in': {
    sources: ['/packages/wire-postgres/src/'],
    load: async () => (await import('./sign-in-target.ts')).signInTarget,
  },
  analyser: {
    sources: ['/packages/sql/src/'],
    load: async () => (await import('./analyser-target.ts')).createAnalyserTarget(),
  },
  shell: {
    sources: ['/packages/shell/src/'],
    load: async () => (await import('./shell-target.ts')).shellTarget,
  },
  ssh: {
    sources: ['/packages/wire-ssh/src/'],
    load: async () => (await import('./ssh-target.ts')).sshTarget,
  },
  'ssh-certificate': {
    sources: ['/packages/ssh-certificate/src/'],
    load: async () => (await import('./ssh-certificate-target.ts')).sshCertificateTarget,
  },
  policy: {
    sources: ['/packages/policy/src/'],
    load: async () => (await import('./policy-target.ts')).createPolicyTarget(),
  },
};
