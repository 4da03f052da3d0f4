import type { PipelineContext } from '../../../src/pipeline/context.js';

/** The topics of a context: each is named for what it is. */
export const TOPICS: PipelineContext['topics'] = {
  input: 'input',
  changelog: 'changelog',
  synchronized: 'synchronized',
  deadLetter: 'dead-letter',
  stalled: 'stalled',
  failed: 'failed',
};
