/** Enforces the layout of src/ and its one-way imports, and proves that the check finds violations. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { architectureViolations, programViolations, type Sources } from './support/architecture-rules.js';

const ROOT = join(__dirname, '..');
const SRC = join(ROOT, 'src');

/** The TypeScript files of `folder` by their paths below `root`. */
function readSources(folder = SRC, root = SRC): Sources {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith('.ts'),
  );
  return new Map(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(root, path).split(sep).join('/'), readFileSync(path, 'utf8')];
    }),
  );
}

function violationsOf(sources: Record<string, string>): string[] {
  return architectureViolations(new Map(Object.entries(sources)));
}

test('the source keeps its rules', () => {
  const sources = readSources();
  expect(sources.size).toBeGreaterThan(10);
  expect(architectureViolations(sources)).toEqual([]);
});

describe("docs/architecture.md's file map", () => {
  const architecture = readFileSync(join(__dirname, '..', 'docs', 'architecture.md'), 'utf8');
  const rows = (architecture.split('\n## Where things are\n')[1] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const files = [...readSources().keys()].filter((path) => !path.endsWith('.d.ts')).map((path) => nameOf(path));

  function nameOf(path: string): string {
    return path.replace(/^.*\//, '').replace(/\.ts$/, '');
  }

  /** The names in backticks, as patterns: `rocks-*` names several files. Folders are left out. */
  function named(text: string): [name: string, pattern: RegExp][] {
    return [...text.matchAll(/`([\w./*-]+)`/g)]
      .map(([, path = '']) => nameOf(path))
      .filter((name) => name !== '')
      .map((name) => [name, new RegExp(`^${name.replaceAll('*', '[\\w-]+')}$`)]);
  }

  test('names every file of src/', () => {
    expect(rows.length).toBeGreaterThan(10);
    const patterns = named(rows.join('\n')).map(([, pattern]) => pattern);
    expect(files.filter((file) => !patterns.some((pattern) => pattern.test(file)))).toEqual([]);
  });

  test('names no file that is gone', () => {
    const firstColumn = rows.slice(2).map((row) => row.split('|')[1] ?? '');
    const gone = named(firstColumn.join('\n')).filter(([, pattern]) => !files.some((file) => pattern.test(file)));
    expect(gone.map(([name]) => name)).toEqual([]);
  });
});

describe('programs outside src/', () => {
  test('import no part of each other but testkit/', () => {
    const folders = ['testkit', 'test', 'demo', 'bench', 'examples'];
    const sources = new Map(folders.flatMap((folder) => [...readSources(join(ROOT, folder), ROOT)]));
    expect(sources.size).toBeGreaterThan(100);
    expect(programViolations(sources)).toEqual([]);
  });

  test.each([
    ['demo/x.ts', '../test/support/y.js', 1],
    ['test/unit/x.ts', '../../demo/y.js', 1],
    ['testkit/x.ts', '../test/support/y.js', 1],
    ['bench/lib/x.ts', '../../demo/y.js', 1],
    ['bench/x.ts', '../testkit/y.js', 0],
    ['test/x.ts', './support/y.js', 0],
    ['test/x.ts', '../src/lib/y.js', 0],
  ])('%s imports %s: %d', (path, specifier, violations) => {
    expect(programViolations(new Map([[path, `import '${specifier}'`]]))).toHaveLength(violations);
  });
});

test('the reference model shares nothing with the source', () => {
  const text = readFileSync(join(__dirname, '..', 'testkit', 'reference-model.ts'), 'utf8');
  expect([...text.matchAll(/from '(.*)'/g)].map(([, specifier]) => specifier)).toEqual(['node:crypto']);
});

test('the example dispatcher can be copied: it imports only packages and its own files', () => {
  const folder = join(__dirname, '..', 'examples', 'webhook-dispatcher');
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const specifiers = files.flatMap((name) =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/from '(.*)'/g)].map(([, specifier = '']) => specifier),
  );
  expect(specifiers.length).toBeGreaterThan(0);
  expect(specifiers.filter((specifier) => specifier.startsWith('..'))).toEqual([]);
});

test('imports towards lib are allowed, in every form', () => {
  const everyForm = `
    import { a } from '../lib/a.js';
    import type { B } from '../domain/b.js';
    export * from './other.js';
    const c = await import('../store/c.js');
    type D = import('../lib/a.js').D;`;
  expect(
    violationsOf({
      'lib/a.ts': '',
      'domain/b.ts': '',
      'store/c.ts': '',
      'pipeline/other.ts': '',
      'pipeline/task.ts': everyForm,
    }),
  ).toEqual([]);
});

describe('an import against the direction is a violation', () => {
  const others = {
    'lib/a.ts': '',
    'domain/a.ts': '',
    'store/a.ts': '',
    'kafka/topics/a.ts': '',
    'kafka/reading/a.ts': '',
    'ops/a.ts': '',
    'pipeline/a.ts': '',
    'verify/a.ts': '',
    'service.ts': '',
    'config.ts': '',
  };

  test.each([
    ['lib/x.ts', `import { a } from '../domain/a.js'`, 'lib must not know domain'],
    ['domain/x.ts', `import type { A } from '../store/a.js'`, 'domain must not know store'],
    ['decode/x.ts', `export { a } from '../store/a.js'`, 'decode must not know store'],
    ['pipeline/x.ts', `const a = await import('../kafka/topics/a.js')`, 'pipeline must not know kafka/topics'],
    ['pipeline/x.ts', `type A = import('../kafka/topics/a.js').A`, 'pipeline must not know kafka/topics'],
    ['pipeline/x.ts', `import { config } from '../config.js'`, 'pipeline must not know settings'],
    ['ops/x.ts', `const a = require('../kafka/topics/a.js')`, 'ops must not know kafka/topics'],
    ['kafka/group/x.ts', `const a = require('../../ops/a.js')`, 'kafka/group must not know ops'],
    ['kafka/protocol/x.ts', `import '../../service.js'`, 'kafka/protocol must not know service'],
    ['verify/x.ts', `import { a } from '../domain/a.js'`, 'verify must not know domain'],
    ['verify/x.ts', `import type { A } from '../pipeline/a.js'`, 'verify must not know pipeline'],
    ['verify/x.ts', `import { a } from '../store/a.js'`, 'verify must not know store'],
    ['pipeline/x.ts', `import { a } from '../verify/a.js'`, 'pipeline must not know verify'],
    ['kafka/connection/x.ts', `import '../reading/a.js'`, 'kafka/connection must not know kafka/reading'],
  ])('%s: %s', (path, text, violation) => {
    expect(violationsOf({ ...others, [path]: text })).toEqual([expect.stringContaining(violation)]);
  });

  test("the machine's clock is for commands: all other code gets a clock", () => {
    const clock = { 'lib/system-clock.ts': '' };
    expect(violationsOf({ ...clock, 'command/x.ts': `import '../lib/system-clock.js'` })).toEqual([]);
    expect(violationsOf({ ...clock, 'kafka/group/x.ts': `import '../../lib/system-clock.js'` })).toEqual([
      'kafka/group/x.ts: imports lib/system-clock.ts, and kafka/group gets its clock as a parameter',
    ]);
  });

  test('an import of a file that does not exist is a violation', () => {
    expect(violationsOf({ 'lib/x.ts': `import './gone.js'` })).toEqual([
      'lib/x.ts: imports ./gone.js, which is no source file',
    ]);
  });
});

test('a file outside of the layout is a violation', () => {
  expect(violationsOf({ 'utils/x.ts': '', 'kafka/x.ts': '', 'x.ts': '' })).toEqual([
    'utils/x.ts: lies in no folder of the layout',
    'kafka/x.ts: lies in no folder of the layout',
    'x.ts: lies in no folder of the layout',
  ]);
});

test("a package's own reader of Avro is a violation, because it has no limits", () => {
  expect(violationsOf({ 'publish/x.ts': `type.fromBuffer(bytes, own.createResolver(type))` })).toHaveLength(2);
});

test('a circular import is a violation, even of types', () => {
  expect(
    violationsOf({
      'lib/a.ts': `import './b.js'`,
      'lib/b.ts': `import type { C } from './c.js'`,
      'lib/c.ts': `export * from './b.js'`,
    }),
  ).toEqual(['lib/b.ts: imports itself by way of lib/b.ts -> lib/c.ts -> lib/b.ts']);
});

describe('a package in the wrong layer is a violation', () => {
  test.each([
    ['pipeline/x.ts', 'kafkajs', 1],
    ['ops/x.ts', 'kafkajs/src/cluster/index.js', 1],
    ['kafka/reading/x.ts', 'kafkajs', 0],
    ['ops/x.ts', 'avsc', 1],
    ['publish/x.ts', 'avsc', 0],
    ['kafka/reading/x.ts', 'rocksdb', 1],
    ['store/x.ts', 'rocksdb', 0],
    ['domain/x.ts', 'zod', 1],
    ['pipeline/x.ts', '@opentelemetry/api', 1],
    ['ops/x.ts', '@opentelemetry/api', 0],
    ['domain/x.ts', 'node:fs', 1],
    ['pipeline/x.ts', 'node:timers/promises', 1],
    ['pipeline/x.ts', 'net', 1],
    ['pipeline/x.ts', 'node:assert', 0],
    ['store/x.ts', 'node:fs/promises', 0],
  ])('%s imports %s: %d', (path, name, violations) => {
    expect(violationsOf({ [path]: `import x from '${name}'` })).toHaveLength(violations);
  });
});

describe('arguments and environment are read by main.ts alone', () => {
  test.each([
    'const home = process.env.HOME',
    `const home = process['env'].HOME`,
    'const home = globalThis.process.env.HOME',
    'const [, , command] = process.argv',
    'const { env } = process',
    'start(process)',
    'start({ process })',
    `import { env } from 'node:process'`,
  ])('%s', (text) => {
    expect(violationsOf({ 'ops/x.ts': text })).toHaveLength(1);
    expect(violationsOf({ 'main.ts': text })).toEqual([]);
  });

  test.each([
    'process.memoryUsage()',
    'task.process(1)',
    'function f(process: Task): void {}',
    `/* process.env */ 'process.env'`,
  ])('but this is something else: %s', (text) => {
    expect(violationsOf({ 'ops/x.ts': text })).toEqual([]);
  });
});

describe('only command/print.ts prints', () => {
  test.each([
    'console.log(line)',
    'report(console.error)',
    'globalThis.console.warn(line)',
    'process.stdout.write(line)',
    `process['stderr'].write(line)`,
    `import { log } from 'node:console'`,
  ])('%s', (text) => {
    expect(violationsOf({ 'command/x.ts': text })).toEqual([expect.stringContaining('only command/print.ts prints')]);
    expect(violationsOf({ 'main.ts': text })).toHaveLength(1);
    expect(violationsOf({ 'command/print.ts': text })).toEqual([]);
  });

  test.each(['process.stdin', 'this.console.log(line)', `'console.log'`])('but this is something else: %s', (text) => {
    expect(violationsOf({ 'command/x.ts': text })).toEqual([]);
  });
});

test('only lib/reason-of.ts turns an error of any kind into text', () => {
  const text = 'const why = error instanceof Error ? error.message : String(error)';
  expect(violationsOf({ 'command/x.ts': text })).toEqual([expect.stringContaining('`reasonOf` gives the reason')]);
  expect(violationsOf({ 'lib/reason-of.ts': text })).toEqual([]);
  expect(violationsOf({ 'command/x.ts': 'const kind = error instanceof Error ? error.name : null' })).toEqual([]);
});

test('only lib/shell-command.ts makes commands of Kafka tools, with brokers and security', () => {
  const text = 'const command = `kafka-configs.sh --bootstrap-server ... --alter`';
  expect(violationsOf({ 'kafka/topics/x.ts': text })).toEqual([expect.stringContaining('--bootstrap-server')]);
  expect(violationsOf({ 'lib/shell-command.ts': text })).toEqual([]);
});

test('decode measures durations with a clock that is never set back', () => {
  const text = 'const startedAt = this.clock.now();';
  expect(violationsOf({ 'decode/x.ts': text })).toEqual([expect.stringContaining('use steadyMs')]);
  expect(violationsOf({ 'decode/x.ts': 'const startedAt = steadyMs(this.clock);' })).toEqual([]);
  expect(violationsOf({ 'pipeline/x.ts': text })).toEqual([]);
});

describe('domain/ and pipeline/ touch no clock, randomness or timer', () => {
  test.each([
    'setTimeout(f, 1)',
    'const later = setTimeout',
    'globalThis.setInterval(f, 1)',
    'const now = Date.now()',
    'const now = new Date()',
    'const x = Math.random()',
    'const x = crypto.randomUUID()',
    'const x = performance.now()',
  ])('%s', (text) => {
    expect(violationsOf({ 'domain/x.ts': text })).toHaveLength(1);
    expect(violationsOf({ 'pipeline/x.ts': text })).toHaveLength(1);
    expect(violationsOf({ 'kafka/reading/x.ts': text })).toEqual([]);
  });

  test.each([
    'clock.now()',
    'new Date(timestamp)',
    'options.setTimeout(f)',
    'interface Clock { setTimeout(f: F): void }',
  ])('but this is something else: %s', (text) => {
    expect(violationsOf({ 'domain/x.ts': text })).toEqual([]);
  });
});

describe('a file of more than 300 lines', () => {
  const longer = 'f();\n'.repeat(301);

  test('is a violation', () => {
    expect(violationsOf({ 'lib/x.ts': longer })).toHaveLength(1);
    expect(violationsOf({ 'lib/x.ts': `/** A file. */\n${longer}/* more than 300 lines */` })).toHaveLength(1);
  });

  test('is allowed if its first comment gives the reason', () => {
    expect(
      violationsOf({ 'lib/x.ts': `/** More than 300 lines: one table, of no use in parts. */\n${longer}` }),
    ).toEqual([]);
  });

  test('begins with the 301st', () => {
    expect(violationsOf({ 'lib/x.ts': 'f();\n'.repeat(300) })).toEqual([]);
  });
});
