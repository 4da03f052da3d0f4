/** What a row of the table of settings says, and how to write one. */
import type { z } from 'zod';
import { topicName } from './setting-values.js';

export interface Setting<T = unknown, Part extends string = string> {
  /** The environment variable. `flagOf` derives the flag from it. */
  readonly env: string;
  /** The default as text; null if the setting has none. */
  readonly default: string | null;
  readonly meaning: string;
  /** Describes valid values, for error messages. */
  readonly expected: string;
  /** The flag may come without a value, which then means true. */
  readonly standsAlone?: true;
  /** Never printed. Can be read from a file. */
  readonly secret: boolean;
  /**
   * The parts of the configuration (`ConfigPart`) that it changes. `--help` of a command shows the settings of the parts
   * that the command reads.
   */
  readonly parts: readonly Part[];
  readonly value: z.ZodType<T, string>;
}

type Row<T> = Omit<Setting<T>, 'secret' | 'default' | 'parts'>;
type WithDefault<T, Part extends string> = Setting<T, Part> & { readonly default: string };
type WithoutDefault<T, Part extends string> = Setting<T, Part> & { readonly default: null };

export function plain<T, const Part extends string>(
  parts: Part | readonly Part[],
  row: Row<T> & { readonly default: string },
): WithDefault<T, Part> {
  return { ...row, secret: false, parts: typeof parts === 'string' ? [parts] : parts };
}

export function optional<T, Part extends string>(part: Part, row: Row<T>): WithoutDefault<T, Part> {
  return { ...row, default: null, secret: false, parts: [part] };
}

export function secret<T, Part extends string>(part: Part, row: Row<T>): WithoutDefault<T, Part> {
  return { ...row, default: null, secret: true, parts: [part] };
}

export function topic<Part extends string>(part: Part, env: string, name: string, meaning: string) {
  return plain([part, 'shadowOf'], {
    env,
    default: name,
    meaning,
    expected: 'a topic name: 1 to 249 of A-Z a-z 0-9 . _ -',
    value: topicName,
  });
}
