/** Adds the settings that were typed to this program's commands in messages, which a person copies into a shell. */
import type { Flags } from '../config.js';
import { shellQuoted, type AddSettings } from '../lib/shell-command.js';
import { flagOf } from '../setting-flags.js';
import { SETTINGS, type Setting } from '../settings.js';
import { COMMAND_NAMES } from './commands.js';

/** A command in a message. A colon ends the name of the command that prints a line. `--help` needs no settings. */
const OWN_COMMAND = new RegExp(`\\bcompany-sync (?:${COMMAND_NAMES.join('|')})(?![\\w:-])(?! --help)`, 'g');

/**
 * The one place that adds the typed settings to printed commands. So a message names a command without settings, and
 * everything that is printed or logged goes through this, except data.
 *
 * The settings follow the name of the command, so that flags of the message count if both name a setting.
 * @param typed as `typedSettingsOf` gives them
 */
export function settingsAdder(typed: string): AddSettings {
  const add = (command: string, at: number, text: string) =>
    text.startsWith(typed, at + command.length) ? command : `${command}${typed}`;
  return typed === '' ? (message) => message : (message) => message.replace(OWN_COMMAND, add);
}

/** The fields of a log line with text of this program; with their texts. All other fields are data, such as a companyId. */
const OWN_TEXT = /"(?:msg|message|stack|reason|cause)":"[^"\\]*(?:\\.[^"\\]*)*"/g;

/** As `settingsAdder`, for commands in the texts of a log line. */
export function settingsAdderInJson(typed: string): AddSettings {
  const add = settingsAdder(JSON.stringify(typed).slice(1, -1));
  return (line) => line.replace(OWN_TEXT, add);
}

/**
 * The typed settings as flags, each after a space; empty if none was typed. Settings of the environment are left out,
 * because the shell still has them. Secrets are left out.
 */
export function typedSettingsOf(settings: Flags): string {
  const shown = Object.values<Setting>(SETTINGS).flatMap(({ env, secret }) =>
    secret ? [flagOf(`${env}_FILE`)] : [flagOf(env)],
  );
  return shown
    .filter((flag) => settings[flag] !== undefined)
    .map((flag) => {
      const value = settings[flag];
      return ` --${flag}${typeof value === 'string' ? `=${shellQuoted(value)}` : ''}`;
    })
    .join('');
}
