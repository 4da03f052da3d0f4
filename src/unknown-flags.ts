/** What may be said of flags that nothing knows, without showing a secret that was meant for another flag. */
import { secretFlags } from './settings.js';

type TypedFlags = Readonly<Record<string, string | true | undefined>>;

/** One fault for each unknown flag, by its name where that cannot be a part of a secret. */
export function unknownFlagFaults(flags: TypedFlags, known: ReadonlySet<string>): string[] {
  const unknown = Object.keys(flags).filter((flag) => !known.has(flag));
  if (unknown.length === 0) return [];
  // `-ps3cret` is read as a flag for each letter.
  const mayBeSecret = unknown.some((flag) => flag.length === 1);
  if (!mayBeSecret) return unknown.map((flag) => `--${flag} is not a known flag`);
  return ['a flag is unknown; it is not shown, because it may be a secret: write --<flag>=<value>'];
}

/** Whether words between the flags may be shown: none of them can be the value of a misspelt flag, or a part of a secret. */
export function mayShowWords(flags: TypedFlags, known: ReadonlySet<string>): boolean {
  return (
    Object.keys(flags).every((flag) => known.has(flag)) && secretFlags().every((flag) => flags[flag] === undefined)
  );
}
