/** The Dockerfile, its build context, the compose file and the Kubernetes manifest fit together. */
import ignoreModule from '@balena/dockerignore';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

/** Its types say that the function is the module's `default`; it is the module itself. */
const dockerIgnore = ignoreModule as unknown as typeof ignoreModule.default;
const ROOT = join(__dirname, '..', '..', '..');

function read(...path: string[]): string {
  return readFileSync(join(ROOT, ...path), 'utf8');
}

/** The Dockerfile's instructions as lists of words, with continued lines joined. */
function instructions(dockerfile: string): string[][] {
  const text = dockerfile.replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n/g, ' ');
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([word]) => word !== '');
}

/** The paths that COPY takes from the build context, in all stages. */
function copiedFromContext(dockerfile: string): string[] {
  return instructions(dockerfile)
    .filter(([word, ...rest]) => word === 'COPY' && !rest.some((flag) => flag.startsWith('--from=')))
    .flatMap(([, ...rest]) => rest.filter((path) => !path.startsWith('--')).slice(0, -1));
}

/** The files of the checkout at `path`, which is a file or a folder. */
function filesOf(path: string): string[] {
  const top = readdirSync(ROOT, { withFileTypes: true }).find(({ name }) => name === path);
  if (top === undefined) return [];
  if (top.isFile()) return [path];
  return readdirSync(join(ROOT, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
}

const dockerfile = read('deploy', 'Dockerfile');
const lines = instructions(dockerfile);

describe('the build context', () => {
  const context = dockerIgnore().add(read('.dockerignore'));
  const copied = copiedFromContext(dockerfile);

  test('has every file that the Dockerfile copies', () => {
    expect(copied.length).toBeGreaterThan(5);
    for (const source of copied) {
      const files = filesOf(source);
      expect([source, files.length > 0]).toEqual([source, true]);
      expect(context.filter(files)).toEqual(files);
    }
  });

  test('has nothing else', () => {
    const allowed = read('.dockerignore').match(/^!.+$/gm) ?? [];
    expect(allowed.map((line) => line.slice(1)).sort()).toEqual([...copied].sort());
  });
});

test('the image has each folder that the package ships', () => {
  const { files } = JSON.parse(read('package.json')) as { readonly files: readonly string[] };
  const last = lines.slice(lines.findLastIndex(([word]) => word === 'FROM'));
  const destinations = last.filter(([word]) => word === 'COPY').map((words) => words.at(-1)?.replace('./', ''));
  // Patches are applied where packages are installed, in the stage before.
  const shipped = files.filter((name) => name !== 'patches');
  expect(destinations).toEqual(expect.arrayContaining(shipped));
});

test('both stages have the same base, of an exact version', () => {
  expect(lines.filter(([word]) => word === 'FROM').map(([, image]) => image)).toEqual([
    '${NODE_IMAGE}',
    '${NODE_IMAGE}',
  ]);
  expect(dockerfile).toMatch(/^ARG NODE_IMAGE=node:\d+\.\d+\.\d+-bookworm-slim$/m);
});

test('the image starts Node as the command does', () => {
  const [, variables = '', flags = ''] = /^#!.* -S (.*) node (.*)$/m.exec(read('src', 'main.ts')) ?? [];
  const [, entry = ''] = /^ENTRYPOINT (.*)$/m.exec(dockerfile) ?? [];
  expect(JSON.parse(entry)).toEqual(['node', ...flags.split(' '), 'dist/main.js']);
  const names = variables.split(' ').map((variable) => variable.split('=')[0]);
  expect(names).toEqual([
    ...['UV_THREADPOOL_SIZE', 'MALLOC_ARENA_MAX', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_'],
  ]);
  const set = lines.find(([word]) => word === 'ENV') ?? [];
  expect(set).toEqual(expect.arrayContaining(variables.split(' ')));
});

test('the image has the program under the name that the documents use', () => {
  const { bin } = JSON.parse(read('package.json')) as { readonly bin: Readonly<Record<string, string>> };
  const last = lines.slice(lines.findLastIndex(([word]) => word === 'FROM'));
  const [[name, file]] = Object.entries(bin) as [[string, string]];
  const inOneLine = (stage: readonly string[][]) => stage.map((words) => words.join(' ')).join('\n');
  expect(inOneLine(last)).toContain(`ln -s /app/${file} /usr/local/bin/${name}`);
  // tsc makes files that cannot be executed.
  expect(inOneLine(lines)).toContain(`chmod +x ${file}`);
});

interface Service {
  readonly image: string;
  readonly build?: { readonly dockerfile: string };
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly mem_limit?: string;
  readonly volumes?: readonly string[];
  readonly stop_grace_period?: string;
  readonly healthcheck?: unknown;
}

describe('compose', () => {
  const { services } = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Service> };
  const own = Object.values(services).filter(({ image }) => image === 'company-sync');

  test('builds the image once, from its Dockerfile', () => {
    expect(own.length).toBe(2);
    expect(own.flatMap(({ build }) => build ?? [])).toEqual([
      expect.objectContaining({ dockerfile: 'deploy/Dockerfile' }),
    ]);
  });

  test('confines the processor as Kubernetes does', () => {
    const [spec] = parseAllDocuments(read('deploy', 'kubernetes', 'company-sync.yaml')).flatMap((document) => {
      const { kind, spec } = document.toJS() as { kind: string; spec: { template: { spec: PodSpec } } };
      return kind === 'StatefulSet' ? [spec.template.spec] : [];
    });
    const container = spec?.containers[0];
    expect(spec?.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
    });
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const { version } = JSON.parse(read('package.json')) as { readonly version: string };
    expect(container?.image).toBe(`company-sync:${version}`);
    // `args` replaces only CMD: the image's entry point, with its flags of Node, stays.
    expect(container).not.toHaveProperty('command');
    expect(lines).toContainEqual(['USER', 'node']);
    for (const service of own)
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(services['processor']?.mem_limit).toBe(container?.resources.limits.memory.replace('Gi', 'g'));
    expect(services['processor']?.volumes).toEqual([container?.volumeMounts[0]?.mountPath]);
    expect(lines).toContainEqual(['VOLUME', container?.volumeMounts[0]?.mountPath]);
    // The root is read-only, and some commands need temporary files.
    const variables = lines.filter(([word]) => word === 'ENV').flat();
    expect(variables).toContain(`TMPDIR=${container?.volumeMounts[0]?.mountPath}/tmp`);
  });

  test('allows a stop the time that it may take, and leaves the health check to the image', () => {
    expect(services['processor']?.stop_grace_period).toBe('15s');
    expect(services['processor']).not.toHaveProperty('healthcheck');
    expect(lines.filter(([word]) => word === 'HEALTHCHECK')).toHaveLength(1);
    expect(lines).toContainEqual(['STOPSIGNAL', 'SIGTERM']);
  });
});

interface PodSpec {
  readonly securityContext: unknown;
  readonly containers: readonly {
    readonly image: string;
    readonly securityContext: unknown;
    readonly resources: { readonly limits: { readonly memory: string } };
    readonly volumeMounts: readonly { readonly mountPath: string }[];
  }[];
}
