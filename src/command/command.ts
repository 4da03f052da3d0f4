/** Describes a command: its help, its flags, and the function that runs it. */
import type { Logger } from 'pino';
import type { ConfigPart, PartsOf } from '../config-parts.js';
import type { Config, Flags } from '../config.js';
import type { AddSettings } from '../lib/shell-command.js';
import type { TracingSettings } from '../ops/tracing.js';
import type { HostProcess } from './end-process.js';
import type { Print } from './print.js';

/**
 * A flag or the argument of a command is wrong. The command line reports it in the same way as a wrong setting (exit
 * code 2).
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

/** Everything that a command gets, except its flags and its argument. */
export interface CommandContext<Part extends ConfigPart = ConfigPart> {
  readonly config: PartsOf<Part>;
  /** Silent for every command except `run`: other commands print. */
  readonly logger: Logger;
  readonly schemasFolder: string;
  /** For messages in JSON. `print` and `printError` do it themselves. */
  readonly addSettings: AddSettings;
  /** Prints a line to standard output, with secrets hidden, and with the typed settings in each command. */
  readonly print: Print;
  /** As `print`, for JSON and for content of topics, which must stay as it is: adds nothing to commands. */
  readonly printData: Print;
  /** As `print`, to standard error. */
  readonly printError: (line: string) => void;
  readonly host: HostProcess;
  readonly tracing: TracingSettings;
}

type TypedValue = string | true | undefined;

/** A flag of one command. */
export interface Flag<T> {
  readonly meaning: string;
  /** Describes the value, such as `<time>`; null for a switch, which has no value. */
  readonly value: string | null;
  /** The command does nothing without the flag. */
  readonly isRequired?: true;
  /**
   * Reads the typed value. If it is wrong, adds to `faults`, and the result is not used. `flag` is the name with its
   * dashes.
   */
  read(typed: TypedValue, flag: string, faults: string[]): T;
}

export type CommandFlags = Readonly<Record<string, Flag<unknown>>>;
type ValuesOf<F extends CommandFlags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

interface CommandDescription<F extends CommandFlags, Part extends ConfigPart> {
  readonly summary: string;
  /** The word that must follow the command's name; in brackets if it is optional. */
  readonly argument?: string;
  readonly flags: F;
  /** The parts of the configuration that the command reads. It gets no others, and `--help` shows their settings. */
  readonly reads: readonly Part[];
  /**
   * The command writes to the input. A shadow shares its input with the deployment, so the command is refused for a
   * shadow.
   */
  readonly writesInput?: true;
  /** More text for `--help` of the command. */
  readonly moreHelp?: string;
  /** The meaning of the exit codes 0 and 1, of 2 if it means more than a wrong flag or setting, and of 3 if it is used. */
  readonly exit: readonly [zero: string, one: string, two?: string, three?: string];
}

export interface Command extends CommandDescription<CommandFlags, ConfigPart> {
  /**
   * @param argument empty if none was typed
   * @returns the exit code
   * @throws UsageError with all wrong flags
   */
  run(context: CommandContext, typed: Flags, argument: string): Promise<number>;
}

interface CommandWithFlags<F extends CommandFlags, Part extends ConfigPart> extends CommandDescription<F, Part> {
  run(context: CommandContext<Part>, flags: ValuesOf<F>, argument: string): Promise<number>;
}

/** Makes a command whose `run` gets its flags as typed values. */
export function command<const F extends CommandFlags, Part extends ConfigPart>(
  described: CommandWithFlags<F, Part>,
): Command {
  return {
    ...described,
    run: (context, typed, argument) => described.run(context, readFlags(described.flags, typed), argument),
  };
}

export function readFlags<F extends CommandFlags>(flags: F, typed: Flags): ValuesOf<F> {
  const faults: string[] = [];
  const values = Object.entries(flags).map(([name, flag]) => [
    name,
    flag.read(flag.value === null ? typed[name] : valueOf(typed[name]), `--${name}`, faults),
  ]);
  if (faults.length > 0) throw new UsageError(faults);
  return Object.fromEntries(values) as ValuesOf<F>;
}

/** In `--offline --json`, `--json` is the next flag and not the value of the first. */
function valueOf(typed: TypedValue): TypedValue {
  return typeof typed === 'string' && typed.startsWith('--') ? true : typed;
}

export function flagSwitch(meaning: string): Flag<boolean> {
  return {
    meaning,
    value: null,
    // If a value were ignored, `--dry-run=true` or `--yes=no` would do the opposite of what was meant.
    read(typed, flag, faults) {
      if (typeof typed === 'string') faults.push(`${flag} takes no value: give ${flag} alone, or leave it out`);
      return typed === true;
    },
  };
}

/** A flag with text. Null if it is not typed. @param expected describes the missing value, for the error */
export function textFlag(value: string, expected: string, meaning: string): Flag<string | null> {
  return {
    meaning,
    value,
    read(typed, flag, faults) {
      if (typed === true || typed === '') faults.push(`${flag} needs a value: expected ${expected}`);
      return typed === undefined || typed === true ? null : typed;
    },
  };
}

/** A flag that must be typed. @param fault the error if it is not */
export function requiredTextFlag(value: string, fault: string, meaning: string): Flag<string> {
  return {
    meaning,
    value,
    isRequired: true,
    read(typed, _flag, faults) {
      if (typeof typed === 'string' && typed !== '') return typed;
      faults.push(fault);
      return '';
    },
  };
}

/** A whole number from 1 to `max`. Null if it is not typed. */
export function countFlag(max: number, meaning: string): Flag<number | null> {
  return parsedFlag('<number>', `a whole number from 1 to ${max}`, meaning, (text) => {
    const count = Number(text);
    return Number.isInteger(count) && count >= 1 && count <= max ? count : undefined;
  });
}

/** The number of an input partition. Null if it is not typed. */
export function partitionFlag(meaning: string): Flag<number | null> {
  return parsedFlag('<number>', 'the number of an input partition, from 0 on', meaning, (text) =>
    /^\d{1,9}$/.test(text) ? Number(text) : undefined,
  );
}

/** One of `words`. Null if it is not typed. */
export function wordFlag<W extends string>(value: string, words: readonly W[], meaning: string): Flag<W | null> {
  return parsedFlag(value, `one of ${words.join(', ')}`, meaning, (text) => words.find((word) => word === text));
}

/** A time, in milliseconds since the epoch. Null if it is not typed. */
export function timeFlag(meaning: string): Flag<number | null> {
  return parsedFlag('<time>', 'a time such as 2026-01-31T12:00:00Z', meaning, (text) => {
    const ms = Date.parse(text);
    return Number.isNaN(ms) ? undefined : ms;
  });
}

/** A place in logs: one offset, or the first record at a time or later. */
export type LogPlace = { readonly offset: number } | { readonly timeMs: number };

/** A time, or an offset. Null if it is not typed. */
export function placeFlag(meaning: string): Flag<LogPlace | null> {
  const expected = 'a time such as 2026-01-31T12:00:00Z, or an offset such as 12000';
  return parsedFlag<LogPlace>('<time|offset>', expected, meaning, (text) => {
    if (/^\d{1,15}$/.test(text)) return { offset: Number(text) };
    const timeMs = Date.parse(text);
    return Number.isNaN(timeMs) ? undefined : { timeMs };
  });
}

function parsedFlag<T>(
  value: string,
  expected: string,
  meaning: string,
  parse: (text: string) => T | undefined,
): Flag<T | null> {
  return {
    meaning,
    value,
    read(typed, flag, faults) {
      if (typed === undefined) return null;
      const parsed = typed === true ? undefined : parse(typed);
      if (parsed !== undefined) return parsed;
      const fault = typed === true ? 'needs a value' : `is ${JSON.stringify(typed)}`;
      faults.push(`${flag} ${fault}: expected ${expected}`);
      return null;
    },
  };
}

/** The meanings of the exit codes 0, 1 and 2, and of 3 if the command uses it. */
export function exitCodesOf({ exit }: Command): readonly string[] {
  const [zero, one, two = MISCONFIGURED, three] = exit;
  return three === undefined ? [zero, one, two] : [zero, one, two, three];
}

export const MISCONFIGURED = 'the command line or a setting is wrong';

/** @throws UsageError if the command writes to the input and `config` is that of a shadow */
export function mustNotWriteAsShadow(name: string, { writesInput }: Command, { shadowOf, topics }: Config): void {
  if (shadowOf === null || writesInput !== true) return;
  throw new UsageError([
    `${name} writes to ${topics.syncEvents}, which the shadow shares with ${shadowOf.applicationId}: ` +
      `the records would count for both. Run the command without --shadow, and with SHADOW unset`,
  ]);
}
