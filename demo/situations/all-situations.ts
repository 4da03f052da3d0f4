import { FIRST_DATASET_SITUATIONS } from './first-dataset.js';
import { LINK_SITUATIONS } from './links.js';
import { BAD_RECORD_SITUATIONS } from './bad-records.js';
import type { Situation } from './situation.js';
import { STATUS_SITUATIONS } from './statuses.js';

/** Every situation that the rules distinguish. */
export const ALL_SITUATIONS: readonly Situation[] = [
  ...LINK_SITUATIONS,
  ...STATUS_SITUATIONS,
  ...FIRST_DATASET_SITUATIONS,
  ...BAD_RECORD_SITUATIONS,
];
