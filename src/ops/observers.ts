import type { PipelineObserver } from '../pipeline/observer.js';

/** Makes one observer that calls several observers, in order. */
export function observeAll(observers: readonly Partial<PipelineObserver>[]): PipelineObserver {
  return {
    state: (...args) => observers.forEach((o) => o.state?.(...args)),
    step: (...args) => observers.forEach((o) => o.step?.(...args)),
    batch: (...args) => observers.forEach((o) => o.batch?.(...args)),
    waitedForSchemas: (...args) => observers.forEach((o) => o.waitedForSchemas?.(...args)),
    restore: (...args) => observers.forEach((o) => o.restore?.(...args)),
    restoreStalled: (...args) => observers.forEach((o) => o.restoreStalled?.(...args)),
    standby: (...args) => observers.forEach((o) => o.standby?.(...args)),
    standbyError: (...args) => observers.forEach((o) => o.standbyError?.(...args)),
    announced: (...args) => observers.forEach((o) => o.announced?.(...args)),
    deadLetter: (...args) => observers.forEach((o) => o.deadLetter?.(...args)),
    syncFailed: (...args) => observers.forEach((o) => o.syncFailed?.(...args)),
    stalled: (...args) => observers.forEach((o) => o.stalled?.(...args)),
    companies: (...args) => observers.forEach((o) => o.companies?.(...args)),
    unknownStatus: (...args) => observers.forEach((o) => o.unknownStatus?.(...args)),
    recounted: (...args) => observers.forEach((o) => o.recounted?.(...args)),
    forgotEarlyDatasets: (...args) => observers.forEach((o) => o.forgotEarlyDatasets?.(...args)),
    leftOpen: (...args) => observers.forEach((o) => o.leftOpen?.(...args)),
    setAside: (...args) => observers.forEach((o) => o.setAside?.(...args)),
    diskUse: (...args) => observers.forEach((o) => o.diskUse?.(...args)),
    stateRemoved: (...args) => observers.forEach((o) => o.stateRemoved?.(...args)),
    sweepError: (...args) => observers.forEach((o) => o.sweepError?.(...args)),
    error: (...args) => observers.forEach((o) => o.error?.(...args)),
  };
}
