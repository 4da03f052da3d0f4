/** Words of this program's commands in messages, which a person copies into a shell. */
import { shellQuoted } from '../lib/shell-command.js';

/**
 * A word that a printed command ends with, such as a companyId. If it begins with a dash, `--` before it says that it is
 * not a flag.
 */
export function lastWord(word: string): string {
  return word.startsWith('-') ? `-- ${shellQuoted(word)}` : shellQuoted(word);
}
