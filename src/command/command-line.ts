/** Parses the command line into a command with its flags, or into what is wrong with it. */
import { parseArgs } from 'node:util';
import type { Flags } from '../config.js';
import { settingFlags, settingSwitches } from '../setting-flags.js';
import type { Command } from './command.js';
import { COMMANDS, COMMAND_NAMES, type CommandName } from './commands.js';
import { nearest } from './did-you-mean.js';
import { helpOf, helpOfGroup, overview, usageOf } from './help.js';
import { mayShowWords, unknownFlagFaults } from './unknown-flags.js';

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
      /**
       * One fault for each unknown flag. If there is any, the command must not run. The caller may add other faults.
       */
      readonly faults: readonly string[];
    }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | Faults;

interface Faults {
  readonly kind: 'faults';
  /** The command that the faults are about, or the first word of commands; empty if neither was typed. */
  readonly about: string;
  readonly faults: readonly string[];
}

/** Takes no value, and stands for a command of its own. */
const QUESTIONS = ['help', 'version'] as const;

/** A flag as `parseArgs` found it. */
interface FlagToken {
  readonly name: string;
  readonly value: string | undefined;
  /** Whether the value came after an equals sign. */
  readonly inlineValue: boolean | undefined;
}

interface Parsed {
  readonly words: readonly string[];
  /** Without those of `asksFor`. */
  readonly flags: Flags;
  readonly asksFor: (typeof QUESTIONS)[number] | null;
  /** What is wrong with the flags of `asksFor`. */
  readonly faults: readonly string[];
}

/**
 * Loads the code of only one command, if the first word is a command.
 * @param argv the words after the program's name
 */
export async function parseCommandLine(argv: readonly string[]): Promise<CommandLine> {
  if (argv.length === 0) return { kind: 'help', text: await overview() };
  const name = commandOf(parse(argv, []).words)?.name;
  if (name !== undefined) return withCommand(argv, name);
  const all = await Promise.all(COMMAND_NAMES.map((one) => COMMANDS[one]()));
  const parsed = parse(argv, all);
  const hidden = commandOf(parsed.words)?.name;
  return hidden === undefined ? withoutCommand(parsed, all) : withCommand(argv, hidden);
}

async function withCommand(argv: readonly string[], name: CommandName): Promise<CommandLine> {
  const command = await COMMANDS[name]();
  const { words, flags, asksFor, faults } = parse(argv, [command]);
  if (faults.length > 0) return { kind: 'faults', about: name, faults };
  if (asksFor === 'help') return { kind: 'help', text: helpOf(name, command) };
  if (asksFor === 'version') return { kind: 'version' };
  const known = knownFlags([command]);
  const unknown = unknownFlagFaults(flags, known);
  const behind = commandOf(words)?.words ?? [];
  // Words may be the values of unknown flags. Then they are not wrong, and must not be shown.
  const fault = unknown.length > 0 ? null : faultOfWords(name, command, behind, mayShowWords(flags));
  if (fault !== null) return { kind: 'faults', about: name, faults: [fault] };
  return {
    kind: 'command',
    name,
    command,
    argument: behind[0] ?? '',
    faults: unknown,
    ...split(command, flags, known),
  };
}

async function withoutCommand(parsed: Parsed, commands: readonly Command[]): Promise<CommandLine> {
  const { words, flags, asksFor, faults } = parsed;
  const [first = ''] = words;
  const names = COMMAND_NAMES.filter((name) => name.startsWith(`${first} `));
  const isGroup = names.length > 0;
  const about = isGroup ? first : '';
  if (faults.length > 0) return { kind: 'faults', about, faults };
  if (asksFor === 'version') return { kind: 'version' };
  if (asksFor === 'help' && words.length === 0) return { kind: 'help', text: await overview() };
  if (asksFor === 'help' && isGroup) return { kind: 'help', text: await helpOfGroup(first, names) };
  const unknown = unknownFlagFaults(flags, knownFlags(commands));
  if (unknown.length > 0) return { kind: 'faults', about, faults: unknown };
  const shows = mayShowWords(flags);
  return { kind: 'faults', about, faults: [isGroup ? noVerb(words, names, shows) : noSuchCommand(words, shows)] };
}

/** Flags of other commands and unknown flags take a value only after `=`. */
function parse(argv: readonly string[], commands: readonly Command[]): Parsed {
  const flags = commands.flatMap((command) => Object.entries(command.flags));
  const { positionals, values, tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(settingFlags().map((flag) => [flag, { type: 'string' as const }])),
      ...Object.fromEntries(settingSwitches().map((flag) => [flag, { type: 'boolean' as const }])),
      ...Object.fromEntries(
        flags.map(([name, { value }]) => [name, { type: value === null ? ('boolean' as const) : ('string' as const) }]),
      ),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const { help, version, ...others } = values as Record<string, string | true>;
  const isHelp = positionals[0] === 'help';
  const asked = { help: isHelp ? true : help, version };
  return {
    words: isHelp ? positionals.slice(1) : positionals,
    flags: others,
    asksFor: QUESTIONS.find((question) => asked[question] !== undefined) ?? null,
    faults: [
      ...QUESTIONS.filter((question) => typeof asked[question] === 'string').map(
        (question) => `--${question} takes no value: pass --${question} alone`,
      ),
      ...tokens.flatMap((token) => (token.kind === 'option' ? swallowedFlag(token) : [])),
    ],
  };
}

/**
 * A setting whose value was left out takes the next flag as its value: with `--http-token $UNSET --dry-run`, nothing
 * would be a dry run. The value is not shown, because it may be a secret.
 */
function swallowedFlag({ name, value, inlineValue }: FlagToken): string[] {
  if (value?.startsWith('--') !== true || inlineValue === true || !settingFlags().includes(name)) return [];
  return [
    `--${name} needs a value, but a flag follows it: if the value begins with two dashes, pass --${name}=<value>`,
  ];
}

function knownFlags(commands: readonly Command[]): ReadonlySet<string> {
  const ofCommands = commands.flatMap(({ flags }) => Object.keys(flags));
  return new Set([...ofCommands, ...QUESTIONS, ...settingFlags(), ...settingSwitches()]);
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

function faultOfWords(name: CommandName, command: Command, words: readonly string[], shows: boolean): string | null {
  const { argument } = command;
  const expected = argument === undefined ? 0 : 1;
  if (words.length === 0 && argument?.startsWith('[') === true) return null;
  if (words.length > expected) {
    const word = shows ? ` ${JSON.stringify(words[expected])}` : '';
    return `unexpected word${word} after ${name}: expected ${usageOf(name, command)}`;
  }
  if (words.length === expected && words[0] !== '') return null;
  return `${name} needs ${argument}, as in: ${usageOf(name, command)}`;
}

function split(
  { flags: ownFlags }: Command,
  typed: Flags,
  known: ReadonlySet<string>,
): { flags: Flags; settings: Flags } {
  const entries = Object.entries(typed).filter(([flag]) => known.has(flag));
  return {
    flags: Object.fromEntries(entries.filter(([flag]) => Object.hasOwn(ownFlags, flag))),
    settings: Object.fromEntries(entries.filter(([flag]) => !Object.hasOwn(ownFlags, flag))),
  };
}

/** @param names the commands whose first word was typed */
function noVerb(words: readonly string[], names: readonly CommandName[], shows: boolean): string {
  const [group = '', verb] = words;
  const expected = `expected ${inWords(names)}`;
  if (verb === undefined) return `${group} needs a second word: ${expected}`;
  const meant = shows ? nearest(`${group} ${verb}`, names) : null;
  const typed = shows ? JSON.stringify(`${group} ${verb}`) : 'the text typed';
  return `${typed} is not a command: ${expected}${meant === null ? '' : `; ${question(meant)}`}`;
}

function noSuchCommand(words: readonly string[], shows: boolean): string {
  const expected = `expected one of ${COMMAND_NAMES.join(', ')}`;
  if (words.length === 0) return `no command was typed: ${expected}`;
  if (!shows) return `the text typed is not a command: ${expected}`;
  const [first = '', second = ''] = words;
  const withVerb = COMMAND_NAMES.filter((name) => name.endsWith(` ${first}`));
  const meant =
    nearest(`${first} ${second}`.trim(), COMMAND_NAMES) ??
    nearest(`${second} ${first}`.trim(), COMMAND_NAMES) ??
    nearest(first, FIRST_WORDS) ??
    (withVerb.length > 0 ? inWords(withVerb) : null);
  return `${JSON.stringify(words.join(' '))} is not a command: ${meant === null ? expected : question(meant)}`;
}

const FIRST_WORDS = [...new Set(COMMAND_NAMES.flatMap((name) => [name.split(' ')[0] ?? '', name]))];

function inWords(names: readonly string[]): string {
  return names.length === 1 ? `${names[0]}` : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function question(meant: string): string {
  return `did you mean ${meant}?`;
}
