import type { CompanyScript } from '../company-script.js';

/** What a client chose in the portal, and when. */
export type ClientKind =
  | 'no choice'
  | 'chose FIRST_DATASET'
  | 'chose ALL_DATASETS'
  /** Chose ALL_DATASETS and took it back (a tombstone), both before the first event. */
  | 'chose ALL_DATASETS and took it back'
  /** Chooses ALL_DATASETS while events come. */
  | 'chooses ALL_DATASETS midway'
  /** Chose ALL_DATASETS before the first event, and takes it back while events come. */
  | 'takes ALL_DATASETS back midway';

export const NO_CHOICE: ClientKind = 'no choice';

/** Something that happens to a company, as the rules distinguish it. */
export interface Situation {
  readonly name: string;
  readonly client: ClientKind;
  /** How often it is played beyond the once that is sure, relative to the others. */
  readonly weight: number;
  readonly play: (script: CompanyScript) => void;
}
