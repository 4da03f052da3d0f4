import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import type { PipelineObserver } from '../../src/pipeline/observer.js';
import type { HaltPlan } from './halt-plan.js';

const TELL_THE_COORDINATOR = new Set(['AddPartitionsToTxn', 'AddOffsetsToTxn']);
const DONE = { errorCode: 0, clientSideThrottleTime: 0, at: undefined };

/**
 * Keeps the plan's batch from the transaction coordinator: what it writes is in a transaction that nobody will end, while
 * the coordinator has the one before in mind. The broker must not verify what it takes (KIP-890).
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
