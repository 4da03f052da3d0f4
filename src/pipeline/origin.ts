/** Where a partition's state comes from: the input that it was built from, and the settings that it was built by. */
import { describeDifferences, differencesOf } from '../lib/map-differences.js';
import type { OriginRow } from '../store/row-codec.js';
import type { PipelineContext } from './context.js';
import { SettingsChangedError } from './errors.js';

/** The id of the input topic, among the settings. */
const INPUT_ID = 'input topic id';

export interface Origin {
  /** What the changelog must say from now on. */
  readonly origin: OriginRow;
  /** The input was deleted and created again: it is not the topic that the state was built from. */
  readonly inputRecreated: boolean;
}

/** Whether the input of that id is another topic than the one that the state was built from. */
export function isOtherInput(stored: OriginRow | null, inputId: string | null): boolean {
  const before = stored?.get(INPUT_ID);
  return before !== undefined && inputId !== null && before !== inputId;
}

/**
 * @param stored what the changelog says; null if it does not say anything yet
 * @param inputId null if the brokers have no topic ids
 * @throws SettingsChangedError if the state was built by other settings, unless that was consented to
 */
export function originOf(
  { decidingSettings, mayChangeSettings }: Pick<PipelineContext, 'decidingSettings' | 'mayChangeSettings'>,
  stored: OriginRow | null,
  inputId: string | null,
): Origin {
  const before = stored ?? new Map<string, string>();
  const differences = differencesOf(decidingSettings, before);
  if (differences.length > 0 && !mayChangeSettings)
    throw new SettingsChangedError(describeDifferences(differences, 'in the state'));
  const origin = new Map([...before, ...decidingSettings]);
  if (inputId !== null) origin.set(INPUT_ID, inputId);
  return { origin, inputRecreated: isOtherInput(before, inputId) };
}
