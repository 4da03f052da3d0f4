import { FIRST_DATASET_SITUATIONS } from './first-dataset.js';
import { LINK_SITUATIONS } from './links.js';
import { POISON_SITUATIONS } from './poison.js';
import type { Situation } from './situation.js';
import { STATUS_SITUATIONS } from './statuses.js';

/** Every situation that the rules distinguish. */
export const ALL_SITUATIONS: readonly Situation[] = [
  ...LINK_SITUATIONS,
  ...STATUS_SITUATIONS,
  ...FIRST_DATASET_SITUATIONS,
  ...POISON_SITUATIONS,
];
