/** Errors about unknown flags. They never show a secret that was meant for another flag. */
import { secretFlags } from './setting-flags.js';

type TypedFlags = Readonly<Record<string, string | true | undefined>>;

/** One fault for each unknown flag, with its name if the name cannot be part of a secret. */
export function unknownFlagFaults(flags: TypedFlags, known: ReadonlySet<string>): string[] {
  const unknown = Object.keys(flags).filter((flag) => !known.has(flag));
  if (unknown.length === 0) return [];
  // `-ps3cret` is read as a flag for each letter.
  const mayBeSecret = unknown.some((flag) => flag.length === 1);
  if (!mayBeSecret) return unknown.map((flag) => `--${flag} is not a known flag`);
  return ['a flag is unknown; it is not shown, because it may be a secret: write flags as --<flag>=<value>'];
}

/**
 * Whether an error may show the words between the flags: none of them can be the value of a misspelt flag, or part of
 * a secret.
 */
export function mayShowWords(flags: TypedFlags, known: ReadonlySet<string>): boolean {
  return (
    Object.keys(flags).every((flag) => known.has(flag)) && secretFlags().every((flag) => flags[flag] === undefined)
  );
}
