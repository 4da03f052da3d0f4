/** What a command is: its help, its flags, and the function that runs it. */
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import type { TracingWish } from '../ops/tracing.js';
import type { HostProcess } from './end-process.js';
import type { Print } from './print.js';

/** A flag of a command, or its argument, is wrong. Reported like a wrong setting. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

/** Everything that a command is given besides what was typed for it. */
export interface CommandContext {
  readonly config: Config;
  /** Silent for every command but `run`: the others print. */
  readonly logger: Logger;
  readonly schemasFolder: string;
  /** Prints a line to standard output, with secrets hidden. */
  readonly print: Print;
  readonly host: HostProcess;
  readonly tracing: TracingWish;
}

type Typed = string | true | undefined;

/** A flag of one command. */
export interface Flag<T> {
  readonly meaning: string;
  /** What the flag's value is, such as `<time>`; null for a switch, which stands without a value. */
  readonly value: string | null;
  /** Reads what was typed, or adds to `faults`; the result then plays no part. `flag` is the name with its dashes. */
  read(typed: Typed, flag: string, faults: string[]): T;
}

export type CommandFlags = Readonly<Record<string, Flag<unknown>>>;
type ValuesOf<F extends CommandFlags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

interface Described<F extends CommandFlags> {
  readonly summary: string;
  /** What must follow the command's name; in brackets if it may be left out. */
  readonly argument?: string;
  readonly flags: F;
  /** The command writes to the input. A shadow shares its input with the deployment, so a shadow is refused. */
  readonly writesInput?: true;
  /** What more `--help` of the command says. */
  readonly lesson?: string;
  /** What the exit codes 0 and 1 mean, and 2 if it is more than a wrong flag or setting. */
  readonly exit: readonly [zero: string, one: string, two?: string];
}

export interface Command extends Described<CommandFlags> {
  /**
   * @param argument empty if none was typed
   * @returns the exit code
   * @throws UsageError with all wrong flags
   */
  run(context: CommandContext, typed: Flags, argument: string): Promise<number>;
}

interface CommandWithFlags<F extends CommandFlags> extends Described<F> {
  run(context: CommandContext, flags: ValuesOf<F>, argument: string): Promise<number>;
}

/** A command whose `run` gets its flags as values. */
export function command<const F extends CommandFlags>(described: CommandWithFlags<F>): Command {
  return {
    ...described,
    run: (context, typed, argument) => described.run(context, readFlags(described.flags, typed), argument),
  };
}

export function readFlags<F extends CommandFlags>(flags: F, typed: Flags): ValuesOf<F> {
  const faults: string[] = [];
  const values = Object.entries(flags).map(([name, flag]) => [name, flag.read(typed[name], `--${name}`, faults)]);
  if (faults.length > 0) throw new UsageError(faults);
  return Object.fromEntries(values) as ValuesOf<F>;
}

export function flagSwitch(meaning: string): Flag<boolean> {
  return { meaning, value: null, read: (typed) => typed === true };
}

/** Null if it is not typed. @param expected what a missing value should have been, in words */
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

/** @param fault what is said if it is not typed */
export function requiredTextFlag(value: string, fault: string, meaning: string): Flag<string> {
  return {
    meaning,
    value,
    read(typed, _flag, faults) {
      if (typeof typed === 'string' && typed !== '') return typed;
      faults.push(fault);
      return '';
    },
  };
}

/** From 1 to `max`; null if it is not typed. */
export function countFlag(max: number, meaning: string): Flag<number | null> {
  return parsedFlag('<number>', `a whole number from 1 to ${max}`, meaning, (text) => {
    const count = Number(text);
    return Number.isInteger(count) && count >= 1 && count <= max ? count : undefined;
  });
}

/** One of `words`; null if it is not typed. */
export function wordFlag<W extends string>(value: string, words: readonly W[], meaning: string): Flag<W | null> {
  return parsedFlag(value, `one of ${words.join(', ')}`, meaning, (text) => words.find((word) => word === text));
}

/** In milliseconds since the epoch; null if it is not typed. */
export function timeFlag(meaning: string): Flag<number | null> {
  return parsedFlag('<time>', 'a time such as 2026-01-31T12:00:00Z', meaning, (text) => {
    const ms = Date.parse(text);
    return Number.isNaN(ms) ? undefined : ms;
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
      faults.push(`${flag} is ${JSON.stringify(typed)}: expected ${expected}`);
      return null;
    },
  };
}

/** What 0, 1 and 2 mean when the command has ended. */
export function exitCodesOf({ exit }: Command): readonly [zero: string, one: string, two: string] {
  const [zero, one, two = MISCONFIGURED] = exit;
  return [zero, one, two];
}

export const MISCONFIGURED = 'a flag or a setting is wrong';

/** @throws UsageError if the command writes to the input and `config` is that of a shadow */
export function mustNotWriteAsShadow(name: string, { writesInput }: Command, { shadowOf, topics }: Config): void {
  if (shadowOf === null || writesInput !== true) return;
  throw new UsageError([
    `${name} writes to ${topics.syncEvents}, which the shadow shares with ${shadowOf.applicationId}: ` +
      `what it says holds for both. Run it without --shadow (or SHADOW)`,
  ]);
}
