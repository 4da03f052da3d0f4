/** What a shadow may not do: its input is that of the deployment, which takes for its own whatever is written there. */
import type { Config } from '../config.js';
import { writesInput, type CommandName } from './commands.js';
import { UsageError } from './usage-error.js';

/** @throws UsageError where the command writes to the input and `config` is that of a shadow */
export function mustNotWriteAsShadow(name: CommandName, { shadowOf, topics }: Config): void {
  if (shadowOf === null || !writesInput(name)) return;
  throw new UsageError([
    `${name} writes to ${topics.syncEvents}, which the shadow shares with ${shadowOf.applicationId}: ` +
      `what it says holds for both. Run it without --shadow (or SHADOW)`,
  ]);
}
