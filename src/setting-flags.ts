/** The flags of the settings, and the settings as `--help` describes them. */
import { SETTINGS, type Setting } from './settings.js';

/** Without the dashes: `kafka-brokers` for KAFKA_BROKERS. */
export function flagOf(env: string): string {
  return env.toLowerCase().replaceAll('_', '-');
}

/** The variable for the path of a secret's file: `<NAME>_FILE`. */
export function fileVariableOf(env: string): string {
  return `${env}_FILE`;
}

/** Every flag that names a setting, without the dashes. */
export function settingFlags(): readonly string[] {
  return Object.values(SETTINGS).flatMap(({ env, secret }) =>
    secret ? [flagOf(env), flagOf(fileVariableOf(env))] : [flagOf(env)],
  );
}

/** The flags whose value is a secret. */
export function secretFlags(): readonly string[] {
  return Object.values<Setting>(SETTINGS).flatMap(({ env, secret }) => (secret ? [flagOf(env)] : []));
}

/** The flags that may come without a value. */
export function settingSwitches(): readonly string[] {
  return Object.values<Setting>(SETTINGS).flatMap(({ env, standsAlone }) => (standsAlone ? [flagOf(env)] : []));
}

/** The settings for which `isShown` is true, as lines for `--help`. */
export function describeSettings(isShown: (setting: Setting) => boolean): string {
  return Object.values<Setting>(SETTINGS)
    .filter(isShown)
    .map(({ env, default: preset, meaning, secret }) => {
      const names = `--${flagOf(env)}, ${env}${secret ? ` (or ${fileVariableOf(env)})` : ''}`;
      return `  ${names}\n      ${meaning}${preset === null ? '' : ` (default: ${preset})`}`;
    })
    .join('\n');
}
