/** Parses the command line into a command with its flags, and makes the texts of `--help`. */
import { parseArgs } from 'node:util';
import type { Flags } from '../config.js';
import { describeSettings, settingFlags, settingSwitches } from '../setting-flags.js';
import { mayShowWords, unknownFlagFaults } from '../unknown-flags.js';
import { exitCodesOf, type Command } from './command.js';
import { COMMANDS, COMMAND_NAMES, type CommandName } from './commands.js';

export type CommandLine =
  | {
      readonly kind: 'command';
      readonly name: CommandName;
      readonly command: Command;
      /** The word after the command's name; empty if no word follows. */
      readonly argument: string;
      /** Flags of the command, without the settings. */
      readonly flags: Flags;
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
 * Loads the code of only one command, if the first word is a command.
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

/** Flags of other commands and unknown flags take a value only after `=`. */
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
  const ofCommands = commands.flatMap(({ flags }) => Object.keys(flags));
  return new Set([...settingFlags(), ...settingSwitches(), ...ofCommands]);
}

/** The command that was typed, whose name has one or two words, and the words after it. */
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
    const word = shows ? ` ${JSON.stringify(words[expected])}` : '';
    return `unexpected word${word} after ${name}`;
  }
  if (words.length === expected && words[0] !== '') return null;
  return `${name} needs ${argument}: company-sync ${name} ${argument}`;
}

function split({ flags: known }: Command, typed: Flags): { flags: Flags; settings: Flags } {
  const entries = Object.entries(typed);
  return {
    flags: Object.fromEntries(entries.filter(([flag]) => Object.hasOwn(known, flag))),
    settings: Object.fromEntries(entries.filter(([flag]) => !Object.hasOwn(known, flag))),
  };
}

function noSuchCommand(words: readonly string[], shows: boolean): string {
  const known = COMMAND_NAMES.join(', ');
  if (words.length === 0) return `no command was typed: expected one of ${known}`;
  return `${shows ? JSON.stringify(words.join(' ')) : 'the text typed'} is not a command: expected one of ${known}`;
}

/** @param commands as `COMMAND_NAMES` */
function overview(commands: readonly Command[]): string {
  const width = Math.max(...COMMAND_NAMES.map((name) => name.length));
  const lines = commands.map(({ summary }, i) => `  ${(COMMAND_NAMES[i] ?? '').padEnd(width)}  ${summary}`);
  return `Announces each company once, when its first sync is finished.

Usage: company-sync <command> [--<setting> <value> ...]

Commands:
${lines.join('\n')}

For a first run with the default brokers and registry:
  company-sync topics create
  company-sync schemas register
  company-sync run

To see why a company has or has not been announced:
  company-sync explain <companyId>

Pass each setting as a flag or as an environment variable. If both are set, the flag is used:
${describeSettings()}

Exit codes: 0 done, 1 failed, 2 a flag or a setting is wrong, or STATE_DIR is in use. For more, run: company-sync <command> -h`;
}

function helpOf(name: CommandName, command: Command): string {
  const { summary, argument, flags, lesson } = command;
  const [zero, one, two] = exitCodesOf(command);
  const flagLines = Object.entries(flags).map(
    ([flag, { value, meaning }]) => `  --${flag}${value === null ? '' : ` ${value}`}\n      ${meaning}\n`,
  );
  return `company-sync ${name}: ${summary}

Usage: company-sync ${name}${argument === undefined ? '' : ` ${argument}`} [--<setting> <value> ...]
${lesson === undefined ? '' : `\n${lesson}`}${flagLines.length === 0 ? '' : `\nFlags:\n${flagLines.join('')}`}
Exit codes: 0 ${zero}; 1 ${one}; 2 ${two}.

Pass each setting as a flag or as an environment variable. If both are set, the flag is used:
${describeSettings()}`;
}
