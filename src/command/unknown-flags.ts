/** Errors about unknown flags. They never show a secret that was meant for another flag. */
import { secretFlags } from '../setting-flags.js';
import { nearest } from './did-you-mean.js';

type TypedFlags = Readonly<Record<string, string | true | undefined>>;

/** One fault for each unknown flag, with its name if the name cannot be part of a secret. */
export function unknownFlagFaults(flags: TypedFlags, known: ReadonlySet<string>): string[] {
  const unknown = Object.keys(flags).filter((flag) => !known.has(flag));
  if (unknown.length === 0) return [];
  // `-ps3cret` is read as a flag for each letter.
  const mayBeSecret = unknown.some((flag) => flag.length === 1);
  if (mayBeSecret)
    return ['a flag is unknown; it is not shown, because it may be a secret: write flags as --<flag>=<value>'];
  return unknown.map((flag) => {
    const meant = nearest(flag, [...known]);
    return `--${flag} is not a known flag${meant === null ? '' : `: did you mean --${meant}?`}`;
  });
}

/** Whether an error may show the words between the flags: none of them can be part of a secret. */
export function mayShowWords(flags: TypedFlags): boolean {
  return secretFlags().every((flag) => flags[flag] === undefined);
}
