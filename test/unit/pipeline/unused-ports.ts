/** Ports that nothing may be asked of. A test replaces what it allows. */
import type { Logs, TransactionalProducer } from '../../../src/pipeline/ports.js';

export function never(): never {
  throw new Error('that should not have been asked for');
}

export const UNUSED_LOGS: Logs = {
  reader: never,
  bounds: never,
  endOfEpoch: never,
  committedOffset: never,
  pendingOffset: never,
};

export const UNUSED_PRODUCER: TransactionalProducer = {
  lastOutcome: null,
  lastCommit: null,
  throttledMs: 0,
  lostConnection: never,
  repeatEnd: never,
  prove: never,
  openFrom: never,
  begin: never,
  prepare: never,
  produce: never,
  sendOffset: never,
  commit: never,
  discard: never,
};
