import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import type { PipelineObserver } from '../../src/pipeline/observer.js';
import type { HaltPlan } from './halt-plan.js';

const TELL_THE_COORDINATOR = new Set(['AddPartitionsToTxn', 'AddOffsetsToTxn']);
const DONE = { errorCode: 0, clientSideThrottleTime: 0, at: undefined };

/**
 * Hides the plan's batch from the transaction coordinator. So the batch is in a transaction that is never ended, and
 * the coordinator knows only the transaction before it. The broker must not verify transactions (KIP-890).
 */
export function hidingObserver({ batch }: HaltPlan): Pick<PipelineObserver, 'step'> {
  let batches = 0;
  let hiding = false;
  const send = ConnectionPool.prototype.send;
  ConnectionPool.prototype.send = function (call) {
    return hiding && TELL_THE_COORDINATOR.has(call.request.apiName) ? Promise.resolve(DONE) : send.call(this, call);
  };
  return {
    step(_partition, step) {
      if (step === 'fetched') batches++;
      if (step === 'decided') hiding = batches === batch;
    },
  };
}
