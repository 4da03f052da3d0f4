import type { Flags } from '../config.js';

/** A command's own flag that is a count; null where it was not given, or is at fault, and `faults` has grown. */
export function wholeNumber(flags: Flags, flag: string, max: number, faults: string[]): number | null {
  const text = flags[flag];
  if (text === undefined) return null;
  const value = Number(text);
  if (text !== true && Number.isInteger(value) && value >= 1 && value <= max) return value;
  faults.push(`--${flag} is ${JSON.stringify(text)}: expected a whole number from 1 to ${max}`);
  return null;
}
