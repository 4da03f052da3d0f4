/** What was typed -> which command with which flags. Pure. */
import { parseArgs } from 'node:util';
import type { Flags } from '../config.js';
import { describeSettings, settingFlags } from '../settings.js';

interface CommandDescription {
  readonly summary: string;
  /** Flags of the command itself, without dashes, each with its meaning; the settings are flags of every command. */
  readonly flags: Readonly<Record<string, string>>;
}

const COMMANDS = {
  run: { summary: 'the processor, until SIGTERM or SIGINT', flags: {} },
  'topics create': {
    summary: 'creates the topics that are missing and says what it did',
    flags: {
      partitions: 'partitions of each topic that is made, client-settings excepted (default: 12)',
      'replication-factor': 'copies of each partition (default: 3, or the number of brokers where that is less)',
    },
  },
  'schemas register': { summary: 'registers the schemas', flags: {} },
  'schemas check': { summary: 'only checks that the schemas are compatible with those registered', flags: {} },
} as const satisfies Record<string, CommandDescription>;
export type CommandName = keyof typeof COMMANDS;

export type CommandLine =
  | { readonly kind: 'command'; readonly name: CommandName; readonly own: Flags; readonly settings: Flags }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'faults'; readonly faults: readonly string[] };

/** @param argv the words after the program's name */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { positionals, values } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(allFlags().map((flag) => [flag, { type: 'string' as const }])),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
    strict: false,
    allowPositionals: true,
  });
  const { help, version, ...flags } = values as Record<string, string | true>;
  const name = commandOf(positionals);
  if (help === true || argv.length === 0) return { kind: 'help', text: name === null ? overview() : helpOf(name) };
  if (version === true) return { kind: 'version' };
  if (name === null) return { kind: 'faults', faults: [...unknownFlags(flags), noSuchCommand(positionals)] };
  return { kind: 'command', name, ...split(name, flags) };
}

function allFlags(): string[] {
  return [...settingFlags(), ...Object.values<CommandDescription>(COMMANDS).flatMap((c) => Object.keys(c.flags))];
}

/** The word after an unknown flag may be its value; not known to be one, it is taken for a part of the command. */
function unknownFlags(flags: Flags): string[] {
  const known = new Set(allFlags());
  return Object.keys(flags).flatMap((flag) => (known.has(flag) ? [] : [`--${flag} is no known flag`]));
}

function commandOf(words: readonly string[]): CommandName | null {
  const typed = words.join(' ');
  return Object.hasOwn(COMMANDS, typed) ? (typed as CommandName) : null;
}

function split(name: CommandName, flags: Flags): { own: Flags; settings: Flags } {
  const isOwn = ([flag]: [string, unknown]) => Object.hasOwn(COMMANDS[name].flags, flag);
  const entries = Object.entries(flags);
  return {
    own: Object.fromEntries(entries.filter(isOwn)),
    settings: Object.fromEntries(entries.filter((entry) => !isOwn(entry))),
  };
}

function noSuchCommand(words: readonly string[]): string {
  const known = Object.keys(COMMANDS).join(', ');
  return words.length === 0
    ? `no command given: expected one of ${known}`
    : `${JSON.stringify(words.join(' '))} is no command: expected one of ${known}`;
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

Settings, each as a flag or as an environment variable; a flag wins:
${describeSettings()}

Exit codes: 0 done, 1 failed, 2 bad configuration or a STATE_DIR that another process uses.`;
}

function helpOf(name: CommandName): string {
  const { summary, flags }: CommandDescription = COMMANDS[name];
  const own = Object.entries(flags).map(([flag, meaning]) => `  --${flag}\n      ${meaning}\n`);
  return `company-sync ${name}: ${summary}

Usage: company-sync ${name} [--<setting> <value> ...]
${own.length === 0 ? '' : `\nFlags:\n${own.join('')}`}
Settings, each as a flag or as an environment variable; a flag wins:
${describeSettings()}`;
}
