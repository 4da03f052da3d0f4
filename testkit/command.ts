import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { spawnWithParent } from './cluster/end-with-parent.js';

export const REPOSITORY = join(import.meta.dirname, '..');
export const SCHEMAS_FOLDER = join(REPOSITORY, 'schemas');

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The arguments of Node for a command of the processor, such as `topics create`. */
export type Command = (...words: readonly string[]) => string[];

/** The command as built from this tree. */
export const commandArguments: Command = (...words) => {
  const main = join(REPOSITORY, 'dist', 'main.js');
  if (!existsSync(main)) throw new Error(`${main} is not there: run \`npm run build\` first`);
  return [main, ...words];
};

/** An environment with only `settings`: the environment of the user who runs the tests must have no effect. */
export function environmentOf(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env;
  return { ...(PATH === undefined ? {} : { PATH }), ...(TMPDIR === undefined ? {} : { TMPDIR }), ...settings };
}

/**
 * Runs a command of the processor to its end, as an operator would.
 *
 * @param killAfterLines kill -9 as soon as the command has printed this many lines; the exit code is then null
 */
export function runCommand(
  words: readonly string[],
  settings: Readonly<Record<string, string>> = {},
  killAfterLines = Infinity,
): Promise<CommandResult> {
  return runProgram(commandArguments(...words), { settings, killAfterLines });
}

export interface ProgramOptions {
  readonly settings?: Readonly<Record<string, string>>;
  readonly killAfterLines?: number;
  /** The text for its standard input; empty by default. */
  readonly input?: string;
}

/** As `runCommand`, with other arguments of Node. */
export async function runProgram(program: readonly string[], options: ProgramOptions = {}): Promise<CommandResult> {
  const { settings = {}, killAfterLines = Infinity, input = '' } = options;
  const child = spawnWithParent(process.execPath, program, { env: environmentOf(settings), stdio: 'pipe' });
  child.stdin?.on('error', () => undefined).end(input); // The command may end without reading its input.
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (stdout.split('\n').length > killAfterLines) child.kill('SIGKILL');
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { exitCode, stdout, stderr };
}
