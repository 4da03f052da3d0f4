import type { CompanyScript } from '../company-script.js';

/** The choice of a client in the portal, and its time. */
export type ClientKind =
  | 'no choice'
  | 'chose FIRST_DATASET'
  | 'chose ALL_DATASETS'
  /** Chose ALL_DATASETS and withdrew the choice (a tombstone), both before the first event. */
  | 'chose ALL_DATASETS and withdrew it'
  /** Chooses ALL_DATASETS while events are being written. */
  | 'chooses ALL_DATASETS midway'
  /** Chose ALL_DATASETS before the first event, and withdraws the choice while events are being written. */
  | 'withdraws ALL_DATASETS midway';

export const NO_CHOICE: ClientKind = 'no choice';

/** A situation of a company that the rules distinguish. */
export interface Situation {
  readonly name: string;
  readonly client: ClientKind;
  /** How often it is played in addition to the first time, relative to the other situations. */
  readonly weight: number;
  readonly play: (script: CompanyScript) => void;
}
