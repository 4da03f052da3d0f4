/** The origin of a partition's state: the input and the settings that it was built from. */
import { describeDifferences, differencesOf } from '../lib/map-differences.js';
import type { OriginRow } from '../store/row-codec.js';
import type { PipelineContext } from './context.js';
import { SettingsChangedError } from './errors.js';

/** The name under which the id of the input topic is stored among the settings. */
const INPUT_ID = 'input topic id';

export interface Origin {
  /** The row that the changelog must have from now on. */
  readonly origin: OriginRow;
  /** Whether the input was deleted and created again: then it is not the topic that the state was built from. */
  readonly inputRecreated: boolean;
}

/** Whether the input with that id is not the topic that the state was built from. */
export function isOtherInput(stored: OriginRow | null, inputId: string | null): boolean {
  const before = stored?.get(INPUT_ID);
  return before !== undefined && inputId !== null && before !== inputId;
}

/** Whether both origins are known to name different inputs. */
export function areOfDifferentInputs(one: OriginRow | null, other: OriginRow | null): boolean {
  return isOtherInput(one, other?.get(INPUT_ID) ?? null);
}

/**
 * Compares the state's origin with this instance's settings and input.
 *
 * @param stored the origin row in the changelog; null if the changelog has no origin row yet
 * @param inputId null if the brokers have no topic ids
 * @throws SettingsChangedError if other settings built the state, unless an operator has consented
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
