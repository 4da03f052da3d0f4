/** Records stamped before ALL_DATASETS_FROM: the client's own choice decides. */
import type { CompanyScript } from '../company-script.js';
import { NO_CHOICE, type Situation } from './situation.js';

export const FIRST_DATASET_SITUATIONS: readonly Situation[] = [
  { name: 'before the date, client without a choice', client: NO_CHOICE, weight: 6, play },
  { name: 'before the date, client chose FIRST_DATASET', client: 'chose FIRST_DATASET', weight: 2, play },
  { name: 'before the date, client chose ALL_DATASETS', client: 'chose ALL_DATASETS', weight: 4, play },
  {
    name: 'before the date, client withdrew ALL_DATASETS',
    client: 'chose ALL_DATASETS and withdrew it',
    weight: 3,
    play,
  },
  {
    name: 'before the date, client chooses ALL_DATASETS midway',
    client: 'chooses ALL_DATASETS midway',
    weight: 3,
    play,
  },
  {
    name: 'before the date, client withdraws ALL_DATASETS midway',
    client: 'withdraws ALL_DATASETS midway',
    weight: 3,
    play,
  },
  { name: 'begun before the date, finished after it', client: NO_CHOICE, weight: 2, play: acrossTheDate },
  { name: 'after the date, client chose FIRST_DATASET', client: 'chose FIRST_DATASET', weight: 2, play: afterTheDate },
];

/** In some companies one dataset never finishes, so FIRST_DATASET announces them and ALL_DATASETS does not. */
function play(script: CompanyScript): void {
  script.era = 'before';
  const link = script.link(script.random.integer(3, 8));
  script.manifest(link);
  script.pullToEnd(script.random.chance(0.4) ? link.datasets.slice(0, -1) : link.datasets);
}

function acrossTheDate(script: CompanyScript): void {
  script.era = 'before';
  const link = script.link(script.random.integer(3, 8));
  script.manifest(link);
  script.pull(link.datasets.slice(1), () => script.badEnding());
  script.era = 'after';
  script.pull(link.datasets.slice(0, 1), () => 'Complete');
}

function afterTheDate(script: CompanyScript): void {
  const link = script.link(script.random.integer(3, 8));
  script.manifest(link);
  script.pullToEnd(link.datasets);
}
