/** Commands of this program in messages, which a person copies into a shell. */
import type { Flags } from '../config.js';
import { shellQuoted } from '../lib/shell-command.js';
import { flagOf } from '../setting-flags.js';
import { SETTINGS, type Setting } from '../settings.js';

/**
 * A word that a printed command ends with, such as a companyId. If it begins with a dash, `--` before it says that it is
 * not a flag.
 */
export function lastWord(word: string): string {
  return word.startsWith('-') ? `-- ${shellQuoted(word)}` : shellQuoted(word);
}

/**
 * The typed settings as flags, each after a space; empty if none was typed. Without them, a copied command would act on
 * another cluster. Settings of the environment are left out, because the shell still has them. Secrets are left out.
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
