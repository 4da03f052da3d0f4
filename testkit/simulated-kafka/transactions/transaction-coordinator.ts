/** The transaction coordinator of one broker, for the partitions of `__transaction_state` that the broker leads. */
import type { Broker } from '../broker.js';
import {
  CONCURRENT_TRANSACTIONS,
  COORDINATOR_LOAD_IN_PROGRESS,
  COORDINATOR_NOT_AVAILABLE,
  INVALID_TRANSACTION_TIMEOUT,
  INVALID_TXN_STATE,
  NOT_COORDINATOR,
  NO_ERROR,
  PRODUCER_FENCED,
} from '../error-codes.js';
import { partitionOfKey, TRANSACTIONS_TOPIC } from '../image.js';
import type { StoredBatch } from '../log/batch.js';
import type { Replica } from '../log/replica.js';
import { StateShard } from '../state-shard.js';
import { MAX_TRANSACTION_TIMEOUT } from '../world.js';
import { MarkerSender } from './marker-sender.js';
import * as transitions from './transitions.js';
import type { Session, TransactionState } from './transitions.js';

interface Home {
  readonly shard: StateShard;
  readonly states: Map<string, TransactionState>;
  /** Ids whose next state is being written. */
  readonly pending: Set<string>;
}

export interface ProducerIdAnswer {
  readonly errorCode: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

type Partitions = TransactionState['partitions'];
type Done = (errorCode: number) => void;

const COMPLETE_RETRY_MS = 100;

export class TransactionCoordinator {
  readonly #homes = new Map<number, Home>();
  readonly #markers: MarkerSender;
  #lastProducerId: bigint;

  constructor(private readonly broker: Broker) {
    this.#markers = new MarkerSender(broker);
    this.#lastProducerId = BigInt(broker.id) * 1_000_000n;
  }

  /** Begins or ends to coordinate the ids of a partition. */
  lead(replica: Replica): void {
    this.#homes.delete(replica.state.partition);
    if (!replica.isLeader) return;
    const home: Home = {
      shard: new StateShard(this.broker, replica, (batch) => this.#apply(home, batch)),
      states: new Map(),
      pending: new Set(),
    };
    this.#homes.set(replica.state.partition, home);
    home.shard.start(() => home.states.forEach((state) => this.#react(home, state)));
  }

  newProducerId(): bigint {
    return ++this.#lastProducerId;
  }

  initProducerId(
    { transactionalId, ...expected }: Session,
    timeoutMs: number,
    reply: (answer: ProducerIdAnswer) => void,
  ): void {
    const refuse = (errorCode: number): void => reply({ errorCode, producerId: -1n, producerEpoch: -1 });
    const home = this.#homeOf(transactionalId);
    if (typeof home === 'number') return refuse(home);
    if (timeoutMs <= 0 || timeoutMs > Number(this.broker.world.settings.get(MAX_TRANSACTION_TIMEOUT)))
      return refuse(INVALID_TRANSACTION_TIMEOUT);
    const state = home.states.get(transactionalId);
    if (home.pending.has(transactionalId)) return refuse(CONCURRENT_TRANSACTIONS);
    if (state !== undefined && expected.producerId !== -1n && state.producerId !== String(expected.producerId))
      return refuse(PRODUCER_FENCED);
    if (state !== undefined && transitions.isPrepared(state)) return refuse(CONCURRENT_TRANSACTIONS);
    if (state?.phase === 'Ongoing')
      return this.#write(home, transitions.fenced(state), (errorCode) =>
        refuse(errorCode === NO_ERROR ? CONCURRENT_TRANSACTIONS : errorCode),
      );
    const next = this.#newSession(state, transactionalId, timeoutMs, expected);
    if (typeof next === 'number') return refuse(next);
    this.#write(home, next, (errorCode) =>
      errorCode === NO_ERROR
        ? reply({ errorCode, producerId: BigInt(next.producerId), producerEpoch: next.epoch })
        : refuse(errorCode),
    );
  }

  addPartitions(session: Session, partitions: Partitions, done: Done): void {
    const found = this.#current(session);
    if (typeof found === 'number') return done(found);
    const { home, state } = found;
    const next = transitions.withPartitions(state, partitions, this.broker.world.time.now());
    if (typeof next === 'number') return done(next);
    if (next === state) return done(NO_ERROR);
    this.#write(home, next, done);
  }

  end(session: Session, isCommit: boolean, done: Done): void {
    const found = this.#current(session);
    if (typeof found === 'number') return done(found);
    const { home, state } = found;
    const next = transitions.ended(state, isCommit);
    if (typeof next === 'number') return done(next);
    if (next === state) return done(NO_ERROR);
    this.#write(home, next, done);
  }

  /** Whether a transaction has this partition: a leader asks before a producer's first write (KIP-890). */
  verify(session: Session, partition: Partitions[number]): number {
    const home = this.#homeOf(session.transactionalId);
    if (typeof home === 'number') return home;
    const state = home.states.get(session.transactionalId);
    const fault = transitions.sessionFault(state, session);
    if (fault !== null || state === undefined) return fault ?? NOT_COORDINATOR;
    if (transitions.isPrepared(state)) return CONCURRENT_TRANSACTIONS;
    return state.phase === 'Ongoing' && transitions.hasPartition(state, partition) ? NO_ERROR : INVALID_TXN_STATE;
  }

  /** @returns undefined for an unknown id */
  describe(transactionalId: string): TransactionState | number | undefined {
    const home = this.#homeOf(transactionalId);
    return typeof home === 'number' ? home : home.states.get(transactionalId);
  }

  /** Aborts all transactions that are open for longer than their timeouts. */
  expire(now = this.broker.world.time.now()): void {
    for (const home of this.#homes.values())
      for (const state of home.states.values())
        if (state.phase === 'Ongoing' && now - state.startedAt >= state.timeoutMs) this.#abortExpired(home, state);
  }

  #newSession(
    state: TransactionState | undefined,
    transactionalId: string,
    timeoutMs: number,
    expected: Pick<Session, 'producerId' | 'producerEpoch'>,
  ): TransactionState | number {
    if (state !== undefined) return transitions.newSession(state, timeoutMs, expected, () => this.newProducerId());
    const producerId = String(this.newProducerId());
    const first = { transactionalId, producerId, epoch: 0, lastEpoch: -1, timeoutMs };
    return { ...first, phase: 'Empty', partitions: [], startedAt: -1 };
  }

  #current(session: Session): { readonly home: Home; readonly state: TransactionState } | number {
    const home = this.#homeOf(session.transactionalId);
    if (typeof home === 'number') return home;
    const state = home.states.get(session.transactionalId);
    const fault = transitions.sessionFault(state, session);
    if (fault !== null || state === undefined) return fault ?? NOT_COORDINATOR;
    return home.pending.has(session.transactionalId) ? CONCURRENT_TRANSACTIONS : { home, state };
  }

  #homeOf(transactionalId: string): Home | number {
    const topic = this.broker.view.topics.get(TRANSACTIONS_TOPIC);
    if (topic === undefined) return COORDINATOR_NOT_AVAILABLE;
    const home = this.#homes.get(partitionOfKey(transactionalId, topic.partitions.length));
    if (home === undefined || home.shard.isStopped) return NOT_COORDINATOR;
    return home.shard.isLoaded ? home : COORDINATOR_LOAD_IN_PROGRESS;
  }

  #write(home: Home, next: TransactionState, done: Done): void {
    home.pending.add(next.transactionalId);
    home.shard.write(next, null, (errorCode) => {
      home.pending.delete(next.transactionalId);
      done(errorCode);
    });
  }

  #apply(home: Home, { payload }: StoredBatch): void {
    const state = payload as TransactionState;
    home.states.set(state.transactionalId, state);
    if (home.shard.isLoaded) this.#react(home, state);
  }

  /** Does what must follow from a committed state. */
  #react(home: Home, state: TransactionState): void {
    const isCurrent = (): boolean => !home.shard.isStopped && home.states.get(state.transactionalId) === state;
    if (transitions.isPrepared(state))
      this.#markers.send(state, home.shard.epoch, isCurrent, () => this.#complete(home, state, isCurrent));
    if (state.phase === 'Ongoing') this.#watchExpiry(home, state, isCurrent);
  }

  #complete(home: Home, state: TransactionState, isCurrent: () => boolean): void {
    if (!isCurrent()) return;
    this.#write(home, transitions.completed(state), (errorCode) => {
      if (errorCode !== NO_ERROR)
        this.broker.world.time.after(COMPLETE_RETRY_MS, () => this.#complete(home, state, isCurrent));
    });
  }

  /** The coordinator looks for expired transactions at fixed times, not at the moment of the timeout. */
  #watchExpiry(home: Home, state: TransactionState, isCurrent: () => boolean): void {
    const { time, delays } = this.broker.world;
    const expiresAt = Math.max(time.now(), state.startedAt + state.timeoutMs);
    const lookAt = Math.ceil(expiresAt / delays.expiry) * delays.expiry;
    time.after(lookAt - time.now(), () => {
      if (isCurrent()) this.#abortExpired(home, state);
    });
  }

  #abortExpired(home: Home, state: TransactionState): void {
    if (!home.pending.has(state.transactionalId)) this.#write(home, transitions.fenced(state), () => undefined);
  }
}
