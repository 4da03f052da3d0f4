import type { PipelineObserver } from '../pipeline/observer.js';

/** One observer that tells several, in order. */
export function tellAll(observers: readonly PipelineObserver[]): PipelineObserver {
  return {
    state: (...told) => observers.forEach((o) => o.state(...told)),
    step: (...told) => observers.forEach((o) => o.step(...told)),
    batch: (...told) => observers.forEach((o) => o.batch(...told)),
    restore: (...told) => observers.forEach((o) => o.restore(...told)),
    announced: (...told) => observers.forEach((o) => o.announced(...told)),
    poison: (...told) => observers.forEach((o) => o.poison(...told)),
    unknownStatus: (...told) => observers.forEach((o) => o.unknownStatus(...told)),
    forgotEarlyDatasets: (...told) => observers.forEach((o) => o.forgotEarlyDatasets(...told)),
    setAside: (...told) => observers.forEach((o) => o.setAside(...told)),
    error: (...told) => observers.forEach((o) => o.error(...told)),
  };
}
