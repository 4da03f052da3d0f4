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
  const inputBefore = before.get(INPUT_ID);
  if (inputId !== null) origin.set(INPUT_ID, inputId);
  return { origin, inputRecreated: inputBefore !== undefined && inputId !== null && inputBefore !== inputId };
}
