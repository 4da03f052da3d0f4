/**
 * A leader asks the transaction coordinator whether a transaction has its partition, before it takes the transaction's
 * first batch (KIP-890). If two requests of one transactional id ask at the same time, the broker refuses the first.
 */
import type { Broker } from '../broker.js';
import { COORDINATOR_NOT_AVAILABLE } from '../error-codes.js';
import { partitionOfKey, TRANSACTIONS_TOPIC } from '../image.js';
import type { Session } from './transitions.js';

type Done = (errorCode: number) => void;

export class Verification {
  readonly #queued = new Map<string, Done>();

  constructor(private readonly broker: Broker) {}

  verify(session: Session, partition: { topic: string; partition: number }, done: Done): void {
    const { transactionalId } = session;
    this.#queued.get(transactionalId)?.(COORDINATOR_NOT_AVAILABLE);
    const finish = (errorCode: number): void => {
      cancel();
      this.#queued.delete(transactionalId);
      done(errorCode);
    };
    const cancel = this.broker.world.soon('request', () => finish(this.#ask(session, partition)));
    this.#queued.set(transactionalId, finish);
  }

  #ask(session: Session, partition: { topic: string; partition: number }): number {
    const topic = this.broker.view.topics.get(TRANSACTIONS_TOPIC);
    const state = topic?.partitions[partitionOfKey(session.transactionalId, topic.partitions.length)];
    const coordinator = state && this.broker.world.broker(state.leader);
    if (coordinator === undefined || !this.broker.world.connects(this.broker, coordinator))
      return COORDINATOR_NOT_AVAILABLE;
    return coordinator.transactions.verify(session, partition);
  }
}
