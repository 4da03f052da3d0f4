/**
 * Text that others wrote, inside a message of this program: ids, names, status words, and what a member says about
 * itself. Each such text goes through a function of this file. It is quoted, so it cannot read as a part of the message,
 * and `AddSettings` adds no settings to a command in it.
 */
import { shortened } from './printable.js';
import { shellQuoted, withoutCommands } from './shell-command.js';

/** As many as an id has at most, so an id is never cut. */
export const MAX_FOREIGN_CHARACTERS = 1_024;

/** The text as one word: an id such as `acme-42` stays as it is, and anything else is quoted. A long text is cut. */
export function foreignText(text: string): string {
  return shellQuoted(shortened(text, MAX_FOREIGN_CHARACTERS));
}

/** The value as JSON, for a message in which each value is quoted. */
export function foreignJson(value: unknown): string {
  return withoutCommands(JSON.stringify(value) ?? 'undefined');
}
