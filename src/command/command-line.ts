/** What was typed -> which command with which flags; and what `--help` prints. */
import { parseArgs } from 'node:util';
import type { Flags } from '../config.js';
import { describeSettings, settingFlags, settingSwitches } from '../settings.js';
import { mayShowWords, unknownFlagFaults } from '../unknown-flags.js';
import { exitCodesOf, type Command } from './command.js';
import { COMMANDS, COMMAND_NAMES, type CommandName } from './commands.js';

export type CommandLine =
  | {
      readonly kind: 'command';
      readonly name: CommandName;
      readonly command: Command;
      /** The word that follows the command's name; empty if there is none. */
      readonly argument: string;
      /** Flags of the command itself. */
      readonly own: Flags;
      readonly settings: Flags;
    }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

interface Parsed {
  readonly words: readonly string[];
  readonly flags: Flags;
}

/**
 * Loads the code of one command alone if the command is the first word, as it should be.
 * @param argv the words after the program's name
 */
export async function parseCommandLine(argv: readonly string[]): Promise<CommandLine> {
  let typed = commandOf(parse(argv, []).words);
  if (typed === null) {
    const all = await Promise.all(COMMAND_NAMES.map((name) => COMMANDS[name]()));
    const parsed = parse(argv, all);
    typed = commandOf(parsed.words);
    if (typed === null) return withoutCommand(parsed, all, argv.length === 0);
  }
  const command = await COMMANDS[typed.name]();
  const { words, flags } = parse(argv, [command]);
  const { help, version, ...others } = flags;
  if (help === true) return { kind: 'help', text: helpOf(typed.name, command) };
  if (version === true) return { kind: 'version' };
  const known = knownFlags([command]);
  const behind = commandOf(words)?.words ?? [];
  const fault = faultOfWords(typed.name, command, behind, mayShowWords(others, known));
  if (fault !== null) return { kind: 'faults', faults: [...unknownFlagFaults(others, known), fault] };
  return { kind: 'command', name: typed.name, command, argument: behind[0] ?? '', ...split(command, others) };
}

function withoutCommand({ words, flags }: Parsed, commands: readonly Command[], empty: boolean): CommandLine {
  const { help, version, ...others } = flags;
  if (help === true || empty) return { kind: 'help', text: overview(commands) };
  if (version === true) return { kind: 'version' };
  const known = knownFlags(commands);
  const fault = noSuchCommand(words, mayShowWords(others, known));
  return { kind: 'faults', faults: [...unknownFlagFaults(others, known), fault] };
}

/** Flags of other commands, and unknown ones, take no value unless it stands behind a `=`. */
function parse(argv: readonly string[], commands: readonly Command[]): Parsed {
  const flags = commands.flatMap((command) => Object.entries(command.flags));
  const { positionals, values } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(settingFlags().map((flag) => [flag, { type: 'string' as const }])),
      ...Object.fromEntries(settingSwitches().map((flag) => [flag, { type: 'boolean' as const }])),
      ...Object.fromEntries(
        flags.map(([name, { value }]) => [name, { type: value === null ? ('boolean' as const) : ('string' as const) }]),
      ),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
    strict: false,
    allowPositionals: true,
  });
  return { words: positionals, flags: values as Record<string, string | true> };
}

function knownFlags(commands: readonly Command[]): ReadonlySet<string> {
  const own = commands.flatMap(({ flags }) => Object.keys(flags));
  return new Set([...settingFlags(), ...settingSwitches(), ...own]);
}

/** The command typed, of one word or two, and what follows it. */
function commandOf(typed: readonly string[]): { name: CommandName; words: readonly string[] } | null {
  for (const length of [2, 1]) {
    const name = typed.slice(0, length).join(' ');
    if (typed.length >= length && Object.hasOwn(COMMANDS, name))
      return { name: name as CommandName, words: typed.slice(length) };
  }
  return null;
}

function faultOfWords(
  name: CommandName,
  { argument }: Command,
  words: readonly string[],
  shows: boolean,
): string | null {
  const expected = argument === undefined ? 0 : 1;
  if (words.length === 0 && argument?.startsWith('[') === true) return null;
  if (words.length > expected) {
    const word = shows ? JSON.stringify(words[expected]) : 'a word';
    return `${word} after ${name} is one word too many`;
  }
  if (words.length === expected && words[0] !== '') return null;
  return `${name} needs ${argument}: company-sync ${name} ${argument}`;
}

function split({ flags: own }: Command, flags: Flags): { own: Flags; settings: Flags } {
  const entries = Object.entries(flags);
  return {
    own: Object.fromEntries(entries.filter(([flag]) => Object.hasOwn(own, flag))),
    settings: Object.fromEntries(entries.filter(([flag]) => !Object.hasOwn(own, flag))),
  };
}

function noSuchCommand(words: readonly string[], shows: boolean): string {
  const known = COMMAND_NAMES.join(', ');
  if (words.length === 0) return `no command given: expected one of ${known}`;
  return `${shows ? JSON.stringify(words.join(' ')) : 'what was typed'} is not a command: expected one of ${known}`;
}

/** @param commands as `COMMAND_NAMES` */
function overview(commands: readonly Command[]): string {
  const width = Math.max(...COMMAND_NAMES.map((name) => name.length));
  const lines = commands.map(({ summary }, i) => `  ${(COMMAND_NAMES[i] ?? '').padEnd(width)}  ${summary}`);
  return `Announces a company once, when its first sync is really over.

Usage: company-sync <command> [--<setting> <value> ...]

Commands:
${lines.join('\n')}

A first run, against the brokers and the registry of the defaults:
  company-sync topics create
  company-sync schemas register
  company-sync run

And to see what became of a company:
  company-sync explain <companyId>

Settings, each as a flag or as an environment variable; a flag wins:
${describeSettings()}

Exit codes: 0 done, 1 failed, 2 a flag or a setting is wrong, or STATE_DIR is in use. More: company-sync <command> -h`;
}

function helpOf(name: CommandName, command: Command): string {
  const { summary, argument, flags, lesson } = command;
  const [zero, one, two] = exitCodesOf(command);
  const own = Object.entries(flags).map(
    ([flag, { value, meaning }]) => `  --${flag}${value === null ? '' : ` ${value}`}\n      ${meaning}\n`,
  );
  return `company-sync ${name}: ${summary}

Usage: company-sync ${name}${argument === undefined ? '' : ` ${argument}`} [--<setting> <value> ...]
${lesson === undefined ? '' : `\n${lesson}`}${own.length === 0 ? '' : `\nFlags:\n${own.join('')}`}
Exit codes: 0 ${zero}; 1 ${one}; 2 ${two}.

Settings, each as a flag or as an environment variable; a flag wins:
${describeSettings()}`;
}
