/** Finds commands, flags and scripts that a document names and that do not exist, for example after a rename. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { COMMAND_NAMES, COMMANDS } from '../../src/command/commands.js';
import { settingFlags } from '../../src/setting-flags.js';
import { documents, ROOT } from '../support/documents.js';

const FIRST_WORDS = [...new Set(COMMAND_NAMES.map((name) => name.split(' ')[0]))].join('|');
const NAMED = new RegExp(`\\bcompany-sync (?=(?:${FIRST_WORDS})\\b)([^\`\\n|#&;]*)`, 'g');

/** The commands of this program in the text, each as one line, without `company-sync`. */
function commandsIn(markdown: string): string[] {
  const inOneLine = markdown.replace(/\\\n\s*/g, ' ');
  return [...inOneLine.matchAll(NAMED)].map(([, command = '']) => command.trim());
}

async function problemOf(command: string): Promise<string | null> {
  const words = command.split(/\s+/);
  const name = COMMAND_NAMES.find((one) => words.join(' ').startsWith(one));
  if (name === undefined) return words[1] === undefined ? null : `${command}: there is no such command`;
  const { flags } = await COMMANDS[name]();
  const known = new Set([...Object.keys(flags), ...settingFlags(), 'help']);
  const typed = words.flatMap((word) => /^--([a-z][a-z0-9-]*)/.exec(word)?.[1] ?? []);
  const unknown = typed.filter((flag) => !known.has(flag));
  return unknown.length === 0 ? null : `${command}: there is no flag --${unknown.join(', --')}`;
}

test('every command of a document exists, with its flags', async () => {
  const found = documents().flatMap((file) =>
    commandsIn(readFileSync(file, 'utf8')).map((command) => ({ file: relative(ROOT, file), command })),
  );
  expect(found.length).toBeGreaterThan(60);
  const problems = await Promise.all(
    found.map(async ({ file, command }) => ({ file, problem: await problemOf(command) })),
  );
  expect(problems.filter(({ problem }) => problem !== null)).toEqual([]);
});

test('a command or a flag that does not exist is found', async () => {
  const [typed = ''] = commandsIn('Run `npx company-sync dead-letters list --opened`.');
  expect(await problemOf(typed)).toBe('dead-letters list --opened: there is no flag --opened');
  expect(await problemOf('events watch')).toBe('events watch: there is no such command');
  expect(await problemOf('run --kafka-brokers localhost:9092')).toBeNull();
});

test('every npm script and every bench of a document exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const problems = documents().flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, script = '']) => script);
    const files = [...text.matchAll(/\bnpx tsx ([\w./-]+)/g)].map(([, path = '']) => path);
    return [
      ...named.filter((script) => scripts[script] === undefined),
      ...files.filter((path) => !existsSync(join(ROOT, path))),
    ].map((name) => `${relative(ROOT, file)}: ${name}`);
  });
  expect(problems).toEqual([]);
});

test('every test and every file of a recipe in CONTRIBUTING.md exists', () => {
  const recipes = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').split('## Recipes')[1] ?? '';
  const paths = [...recipes.matchAll(/`((?:src|test|testkit|docs|deploy|schemas)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  );
  expect(paths.length).toBeGreaterThan(30);
  const missing = paths.filter((path) => !existsSync(join(ROOT, path)) && !existsSync(join(ROOT, `${path}.test.ts`)));
  expect(missing).toEqual([]);
});

test('every check that a recipe in CONTRIBUTING.md names is a test', () => {
  const recipes = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').split('## Recipes')[1] ?? '';
  const cells = [...recipes.matchAll(/^\| `.*\|(.*)\|$/gm)].map(([, last = '']) => last);
  const names = cells.flatMap((cell) => [...cell.matchAll(/`([\w/-]+)`/g)].map(([, name = '']) => name));
  expect(names.length).toBeGreaterThan(30);
  const files = readdirSync(join(ROOT, 'test'), { recursive: true }).map((file) => join(ROOT, 'test', String(file)));
  const isTest = (name: string): boolean => files.some((file) => file.endsWith(`/${name}.test.ts`));
  // Apart from tests, a cell may name the type check, and a command whose requests a test covers.
  const others: readonly string[] = ['tsc', ...COMMAND_NAMES];
  expect(names.filter((name) => !others.includes(name) && !isTest(name))).toEqual([]);
});
