import type { PipelineObserver } from '../pipeline/observer.js';

/** One observer that tells several, in order, what each of them wants to know. */
export function tellAll(observers: readonly Partial<PipelineObserver>[]): PipelineObserver {
  return {
    state: (...told) => observers.forEach((o) => o.state?.(...told)),
    step: (...told) => observers.forEach((o) => o.step?.(...told)),
    batch: (...told) => observers.forEach((o) => o.batch?.(...told)),
    restore: (...told) => observers.forEach((o) => o.restore?.(...told)),
    restoreStalled: (...told) => observers.forEach((o) => o.restoreStalled?.(...told)),
    standby: (...told) => observers.forEach((o) => o.standby?.(...told)),
    standbyError: (...told) => observers.forEach((o) => o.standbyError?.(...told)),
    announced: (...told) => observers.forEach((o) => o.announced?.(...told)),
    poison: (...told) => observers.forEach((o) => o.poison?.(...told)),
    stalled: (...told) => observers.forEach((o) => o.stalled?.(...told)),
    companies: (...told) => observers.forEach((o) => o.companies?.(...told)),
    unknownStatus: (...told) => observers.forEach((o) => o.unknownStatus?.(...told)),
    recounted: (...told) => observers.forEach((o) => o.recounted?.(...told)),
    forgotEarlyDatasets: (...told) => observers.forEach((o) => o.forgotEarlyDatasets?.(...told)),
    leftOpen: (...told) => observers.forEach((o) => o.leftOpen?.(...told)),
    setAside: (...told) => observers.forEach((o) => o.setAside?.(...told)),
    diskUse: (...told) => observers.forEach((o) => o.diskUse?.(...told)),
    stateRemoved: (...told) => observers.forEach((o) => o.stateRemoved?.(...told)),
    sweepError: (...told) => observers.forEach((o) => o.sweepError?.(...told)),
    error: (...told) => observers.forEach((o) => o.error?.(...told)),
  };
}
