/** What was typed -> which command with which flags; and what `--help` prints. Pure. */
import { parseArgs } from 'node:util';
import type { Flags } from '../config.js';
import { describeSettings, settingFlags, settingSwitches } from '../settings.js';
import { mayShowWords, unknownFlagFaults } from '../unknown-flags.js';
import { COMMANDS, COMMAND_NAMES, exitCodesOf, type CommandDescription, type CommandName } from './commands.js';

export type CommandLine =
  | {
      readonly kind: 'command';
      readonly name: CommandName;
      /** What follows the command's name: as many words as its `argument` has. */
      readonly words: readonly string[];
      readonly own: Flags;
      readonly settings: Flags;
    }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

/** @param argv the words after the program's name */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { positionals, values } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(allFlags().map((flag) => [flag, { type: 'string' as const }])),
      ...Object.fromEntries(allSwitches().map((flag) => [flag, { type: 'boolean' as const }])),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
    strict: false,
    allowPositionals: true,
  });
  const { help, version, ...flags } = values as Record<string, string | true>;
  const typed = commandOf(positionals);
  const known = knownFlags();
  const shows = mayShowWords(flags, known);
  if (help === true || argv.length === 0)
    return { kind: 'help', text: typed === null ? overview() : helpOf(typed.name) };
  if (version === true) return { kind: 'version' };
  if (typed === null)
    return { kind: 'faults', faults: [...unknownFlagFaults(flags, known), noSuchCommand(positionals, shows)] };
  const fault = faultOfWords(typed.name, typed.words, shows);
  if (fault !== null) return { kind: 'faults', faults: [...unknownFlagFaults(flags, known), fault] };
  return { kind: 'command', ...typed, ...split(typed.name, flags) };
}

function allFlags(): string[] {
  return [
    ...settingFlags(),
    ...Object.values<CommandDescription>(COMMANDS).flatMap((c) => Object.keys(c.flags).map(nameOf)),
  ];
}

function allSwitches(): string[] {
  return [
    ...settingSwitches(),
    ...Object.values<CommandDescription>(COMMANDS).flatMap(({ switches }) => Object.keys(switches ?? {})),
  ];
}

/** `offline` of `offline <state folder>`. */
function nameOf(flag: string): string {
  return flag.split(' ')[0] ?? flag;
}

function knownFlags(): ReadonlySet<string> {
  return new Set([...allFlags(), ...allSwitches()]);
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

function faultOfWords(name: CommandName, words: readonly string[], shows: boolean): string | null {
  const { argument }: CommandDescription = COMMANDS[name];
  const expected = argument === undefined ? 0 : 1;
  if (words.length === 0 && argument?.startsWith('[') === true) return null;
  if (words.length > expected) {
    const word = shows ? JSON.stringify(words[expected]) : 'a word';
    return `${word} after ${name} is one word too many`;
  }
  if (words.length === expected && words[0] !== '') return null;
  return `${name} needs ${argument}: company-sync ${name} ${argument}`;
}

function split(name: CommandName, flags: Flags): { own: Flags; settings: Flags } {
  const { flags: valued, switches }: CommandDescription = COMMANDS[name];
  const ours = new Set([...Object.keys(valued).map(nameOf), ...Object.keys(switches ?? {})]);
  const entries = Object.entries(flags);
  return {
    own: Object.fromEntries(entries.filter(([flag]) => ours.has(flag))),
    settings: Object.fromEntries(entries.filter(([flag]) => !ours.has(flag))),
  };
}

function noSuchCommand(words: readonly string[], shows: boolean): string {
  const known = COMMAND_NAMES.join(', ');
  if (words.length === 0) return `no command given: expected one of ${known}`;
  return `${shows ? JSON.stringify(words.join(' ')) : 'what was typed'} is not a command: expected one of ${known}`;
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const commands = Object.entries<CommandDescription>(COMMANDS)
    .map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
    .join('\n');
  return `Announces a company once, when its first sync is really over.

Usage: company-sync <command> [--<setting> <value> ...]

Commands:
${commands}

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

function helpOf(name: CommandName): string {
  const { summary, argument, flags, switches, lesson }: CommandDescription = COMMANDS[name];
  const [zero, one, two] = exitCodesOf(name);
  const own = Object.entries({ ...flags, ...switches }).map(([flag, meaning]) => `  --${flag}\n      ${meaning}\n`);
  return `company-sync ${name}: ${summary}

Usage: company-sync ${name}${argument === undefined ? '' : ` ${argument}`} [--<setting> <value> ...]
${lesson === undefined ? '' : `\n${lesson}`}${own.length === 0 ? '' : `\nFlags:\n${own.join('')}`}
Exit codes: 0 ${zero}; 1 ${one}; 2 ${two}.

Settings, each as a flag or as an environment variable; a flag wins:
${describeSettings()}`;
}
