import { readFileSync } from 'node:fs';
import { decideTrust, lintPolicies, parsePolicies, type WorkloadClaims } from '@weir/policy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { kubernetesTokenFile } from '../src/sign-in/ci-secret.ts';
import { type GatewayStub, startGatewayStub } from './fixture/gateway-stub.ts';
import { newFolder, runWeir } from './fixture/run-weir.ts';

const read = (name: string) =>
  readFileSync(new URL(`../../../docs/examples/machines/${name}`, import.meta.url), 'utf8');
const policy = read('policy.yaml');
const documents = parsePolicies(policy, 'policy.yaml');
const audience = 'https://weir.example.com';

let gateway: GatewayStub;
beforeAll(async () => {
  gateway = await startGatewayStub();
});
afterAll(() => gateway.close());

interface GitHubWorkflow {
  on: { push: { branches: string[] } };
  jobs: Record<
    string,
    { environment: string; permissions: Record<string, string>; steps: { run: string; if?: string }[] }
  >;
}
const github = parse(read('github.yml')) as GitHubWorkflow;
const [job] = Object.values(github.jobs);
interface GitLabJob {
  rules: { if: string }[];
  id_tokens: Record<string, { aud: string }>;
  script: string[];
  after_script: string[];
}
const [gitlab] = Object.values(parse(read('gitlab-ci.yml')) as Record<string, GitLabJob>);
const [account, cronJob] = parseAllDocuments(read('kubernetes-job.yaml')).map((document) => document.toJS());
const pod = cronJob.spec.jobTemplate.spec.template.spec;

/** The claims that each platform would write for its example. */
const tokens: Record<
  string,
  { claims: WorkloadClaims; rule: string; commands: string[]; env: () => Record<string, string> }
> = {
  github: {
    claims: {
      iss: 'https://token.actions.githubusercontent.com',
      aud: audience,
      sub: `repo:acme/shop:environment:${job?.environment}`,
      repository: 'acme/shop',
      ref: `refs/heads/${github.on.push.branches[0]}`,
      environment: job?.environment,
      event_name: 'push',
    },
    rule: 'github-deploys',
    commands: job?.steps.map(({ run }) => run) ?? [],
    env: () => ({ GITHUB_ACTIONS: 'true', ACTIONS_ID_TOKEN_REQUEST_URL: `${gateway.url}/github` }),
  },
  gitlab: {
    claims: {
      iss: 'https://gitlab.com',
      aud: gitlab?.id_tokens['WEIR_ID_TOKEN']?.aud,
      sub: 'project_path:acme/shop:ref_type:branch:ref:main',
      project_path: 'acme/shop',
      ref: 'main',
      ref_type: 'branch',
      ref_protected: 'true',
      pipeline_source: 'push',
    },
    rule: 'gitlab-deploys',
    commands: [...(gitlab?.script ?? []), ...(gitlab?.after_script ?? [])],
    env: () => ({ GITLAB_CI: 'true', WEIR_ID_TOKEN: 'gitlab-token' }),
  },
  kubernetes: {
    claims: {
      iss: 'https://oidc.cluster.example.com',
      aud: [pod.volumes[0].projected.sources[0].serviceAccountToken.audience],
      sub: `system:serviceaccount:${cronJob.metadata.namespace}:${pod.serviceAccountName}`,
      'kubernetes.io': { namespace: cronJob.metadata.namespace, serviceaccount: { name: pod.serviceAccountName } },
    },
    rule: 'nightly-report',
    commands: pod.containers[0].args[0].trim().split('\n'),
    env: () => ({ WEIR_SERVICE_KEY: 'stands in for the projected token' }),
  },
};

describe('the examples of docs/machines.md', () => {
  it('have a policy without a warning', () => {
    expect(lintPolicies(policy, 'policy.yaml')).toEqual([]);
    expect(documents.filter(({ kind }) => kind === 'WorkloadTrust')).toHaveLength(3);
  });

  it.each(Object.entries(tokens))('%s: the rule takes its token, and not that of others', (_name, { claims, rule }) => {
    expect(decideTrust(documents, claims)).toMatchObject({ rule: { name: rule } });
    for (const change of [
      { sub: 'system:serviceaccount:jobs:other', ref: 'refs/heads/evil', project_path: 'mallory/shop' },
      { aud: 'https://other.example.com' },
      { iss: 'https://issuer.example.com' },
      { event_name: 'pull_request_target', pipeline_source: 'merge_request_event', 'kubernetes.io': {} },
    ]) {
      expect(decideTrust(documents, { ...claims, ...change }).rule).toBeNull();
    }
  });

  it.each(Object.entries(tokens))('%s: its commands are those of weir', async (_name, { commands, env }) => {
    const [login = '', exec = '', logout = ''] = commands;
    expect([login, exec, logout]).toEqual([
      `weir login --ci --gateway ${audience}`,
      'weir exec orders "SELECT count(*) FROM orders"',
      'weir logout',
    ]);
    gateway.answers['GET /github'] = { value: 'github-token' };
    const home = newFolder();
    const words = login.replace(audience, gateway.url).split(' ').slice(1);
    expect(await runWeir(words, { home, env: env() })).toMatchObject({ status: 0 });
    expect((await runWeir(['logout'], { home })).status).toBe(0);
  });

  it('github: the job may ask for a token, for main alone, and signs out in any case', () => {
    expect(job?.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
    expect(github.on).toEqual({ push: { branches: ['main'] } });
    expect(job?.steps.at(-1)).toMatchObject({ if: 'always()' });
  });

  it('gitlab: the token has the name that weir looks for', () => {
    expect(Object.keys(gitlab?.id_tokens ?? {})).toEqual(['WEIR_ID_TOKEN']);
    expect(gitlab?.rules).toEqual([{ if: '$CI_COMMIT_BRANCH == "main"' }]);
  });

  it('kubernetes: the token is where weir looks for it, and the pod has no other', () => {
    const { path } = pod.volumes[0].projected.sources[0].serviceAccountToken;
    expect(`${pod.containers[0].volumeMounts[0].mountPath}/${path}`).toBe(kubernetesTokenFile);
    expect(pod.containers[0].volumeMounts[0].name).toBe(pod.volumes[0].name);
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(account).toMatchObject({ kind: 'ServiceAccount', metadata: { name: pod.serviceAccountName } });
  });
});
