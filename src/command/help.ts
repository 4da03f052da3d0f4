/** The texts of `--help`: of the program, of the commands with one first word, and of one command. */
import { describeSettings } from '../setting-flags.js';
import { exitCodesOf, type Command, type CommandFlags } from './command.js';
import { COMMANDS, COMMAND_NAMES, type CommandName } from './commands.js';

const EITHER = 'each as a flag or as an environment variable. If both are set, the flag is used:';

export async function overview(): Promise<string> {
  return `Announces each company once, when its first sync is finished.

Usage: company-sync <command> [--<setting> <value> ...]

Commands:
${await listOf(COMMAND_NAMES)}

For a first run with the default brokers and registry:
  company-sync topics create
  company-sync schemas register
  company-sync run

To see why a company has or has not been announced:
  company-sync explain <companyId>

For the flags, settings and exit codes of one command:
  company-sync <command> --help

Other flags: -h or --help, -v or --version.
Exit codes: 0 done; 1 failed; 2 the command line or a setting is wrong, STATE_DIR is in use, or the start is refused.

Settings, ${EITHER}
${describeSettings(() => true)}`;
}

/** @param group the first word of the commands, such as `positions` */
export async function helpOfGroup(group: string, names: readonly CommandName[]): Promise<string> {
  return `Usage: company-sync ${group} <command> [--<flag> ...]

Commands:
${await listOf(names)}

For the flags, settings and exit codes of one command: company-sync ${names[0]} --help`;
}

export function helpOf(name: CommandName, command: Command): string {
  const { summary, flags, reads, moreHelp } = command;
  const codes = exitCodesOf(command).map((meaning, code) => `${code} ${meaning}`);
  const flagLines = Object.entries(flags).map(
    ([flag, { value, meaning }]) => `  --${flag}${value === null ? '' : ` ${value}`}\n      ${meaning}\n`,
  );
  const read = new Set<string>(reads);
  return `company-sync ${name}: ${summary}

Usage: ${usageOf(name, command)}
${flagLines.length === 0 ? '' : `\nFlags:\n${flagLines.join('')}`}${moreHelp === undefined ? '' : `\n${moreHelp}`}
Exit codes: ${codes.join('; ')}.

Settings that the command reads, ${EITHER}
${describeSettings(({ parts }) => parts.some((part) => read.has(part)))}`;
}

/** The command as it can be typed, with its flags: those that may be left out are in brackets. */
export function usageOf(name: CommandName, { argument, flags }: Command): string {
  const words = ['company-sync', name, ...(argument === undefined ? [] : [argument]), ...flagsOf(flags)];
  return [...words, '[--<setting> <value> ...]'].join(' ');
}

function flagsOf(flags: CommandFlags): string[] {
  return Object.entries(flags).map(([flag, { value, isRequired }]) => {
    const typed = value === null ? `--${flag}` : `--${flag} ${value}`;
    return isRequired === true ? typed : `[${typed}]`;
  });
}

async function listOf(names: readonly CommandName[]): Promise<string> {
  const width = Math.max(...names.map((name) => name.length));
  const commands = await Promise.all(names.map((name) => COMMANDS[name]()));
  return commands.map(({ summary }, i) => `  ${(names[i] ?? '').padEnd(width)}  ${summary}`).join('\n');
}
