/** Asks before many companies are silenced: there is no way back. */
import { flagSwitch } from './command.js';
import { consentTyped } from './consent.js';

/** Companies that may be silenced without a question: as many as a person can look through. */
const UNASKED_COMPANIES = 100;
/** Companies that a dry run names. */
const MAX_NAMED = 100;

/** The companies that will never be announced once all is sent. Memory does not grow with them. */
export class SilencedCompanies {
  readonly #named: string[] = [];
  count = 0;

  add(companyId: string): void {
    if (++this.count <= MAX_NAMED) this.#named.push(companyId);
  }

  /** How many they are, and which: ids as texts of JSON, one a line. */
  *lines(): Generator<string, void, undefined> {
    yield `${companies(this.count)} would never be announced from then on, and there is no way back:`;
    for (const companyId of this.#named) yield `  ${JSON.stringify(companyId)}`;
    if (this.count > MAX_NAMED) yield `  and ${this.count - MAX_NAMED} more`;
  }
}

export const SILENCING_FLAGS = {
  'dry-run': flagSwitch('send nothing: print how many companies would never be announced, and which'),
  yes: flagSwitch('send without asking, also if more than 100 companies would never be announced'),
};
type SilencingFlags = Readonly<Record<keyof typeof SILENCING_FLAGS, boolean>>;

/**
 * Whether to send. With --dry-run it prints what would be silenced. For more companies than a person looks through it asks.
 *
 * @param again the command as it was typed, without --dry-run
 * @param consent asks a person; false without a terminal
 */
export async function maySilence(
  silenced: SilencedCompanies,
  flags: SilencingFlags,
  again: string,
  print: (line: string) => void,
  consent: (question: string) => Promise<boolean> = consentTyped,
): Promise<'send' | 'dry-run' | 'refused'> {
  if (flags['dry-run']) {
    for (const line of silenced.lines()) print(line);
    print(`nothing was sent: to send, run ${again}`);
    return 'dry-run';
  }
  if (silenced.count <= UNASKED_COMPANIES || flags.yes) return 'send';
  const asked = await consent(`Silence ${companies(silenced.count)} permanently? There is no way back.`);
  if (asked) return 'send';
  print(
    `nothing was sent: it would silence ${companies(silenced.count)} permanently, and nobody has confirmed that. See which ` +
      `with ${again} --dry-run, then run ${again} --yes`,
  );
  return 'refused';
}

export function companies(count: number): string {
  return count === 1 ? '1 company' : `${count} companies`;
}
