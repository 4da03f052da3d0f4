import { NO_HEADERS, type RecordToWrite, type TopicPartition } from '../../lib/record.js';
import { settleAll } from '../../lib/settle-all.js';
import { Stopwatch } from '../../lib/stopwatch.js';
import { BrokerError, FencedError, RecordTooLargeError } from '../../pipeline/errors.js';
import type {
  CommittedOffset,
  KnownCommit,
  OpenFrom,
  Proof,
  TransactionalProducer,
  TransactionOutcome,
} from '../../pipeline/ports.js';
import { companyKey } from '../../store/row-keys.js';
import type { Answer, ConnectedBroker, ProtocolCall } from '../protocol/protocol-call.js';
import { ERROR_CODES, isTooLarge, NO_ERROR, noAnswer, refusal, throwRefused } from '../protocol/protocol-errors.js';
import type { ProduceAnswer } from '../protocol/produce-request.js';
import { committedAtCoordinator, openAt } from './session-questions.js';
import { tryToAbort, type SessionParts } from './session-parts.js';
import { SessionBatches, type EncodedBatch } from './session-batches.js';
import { addOffsetsToTxn, addPartitionsToTxn, endTxn, txnOffsetCommit } from '../protocol/transaction-requests.js';
import { untilReady } from '../connection/until-ready.js';

type State = 'idle' | 'beginning' | 'open' | 'committing';

/** A tombstone for an empty company id, which no record can have. If it were ever applied, it would remove nothing. */
const PROOF_RECORD: RecordToWrite = { key: companyKey(''), value: null, headers: NO_HEADERS };
/** The markers are written 1 to 3 ms after the answer of EndTxn. Until then, no new transaction can begin. */
const MARKERS_RETRY_MS = 1;
/**
 * If markers are this late, a leader is gone. Once the cluster has noticed that (9 s), brokers may skip its markers.
 * Then the coordinator would let the next transaction begin, although the commit before it is still open at that
 * leader. That transaction would fail, because the leader is gone, and its abort would also abort that commit.
 */
const MARKERS_TIMEOUT_MS = 2_000;

/** The former transaction has not ended, so no new one was begun. */
class LateMarkersError extends BrokerError {}

/**
 * One producer session of a transactional id, from fencing to its first error.
 *
 * ```
 *            begin              commit
 *   idle ─────────────▶ open ─────────────▶ idle ─ ...
 *        (beginning)     │     (committing)
 *                        │ produce, sendOffset
 *                        ▼
 *                any error, any unknown outcome, discard: over
 * ```
 *
 * This class sends only two kinds of requests again: a request that the broker answered with CONCURRENT_TRANSACTIONS
 * (it was not carried out), and the requests of `repeatEnd` (they may be sent twice). After any other failure the
 * outcome is unknown. So the session is over. The next owner of the id fences, and reads from the log how the
 * transaction ended.
 */
export class KafkaTransactionalProducer implements TransactionalProducer {
  readonly #parts: SessionParts;
  #state: State = 'idle';
  /** Why the session is over. Every later call rejects with it. */
  #over: Error | null = null;
  /** The calls of this object that have not settled. Each call settles after all of its requests. */
  readonly #inFlight = new Set<Promise<unknown>>();
  /** If false, an abort would wait for the coordinator too. */
  #coordinatorAnswers = true;
  readonly #batches: SessionBatches;
  #discarded: Promise<void> | null = null;

  get lastOutcome(): TransactionOutcome | null {
    return this.#parts.lastOutcome;
  }

  get lastCommit(): KnownCommit | null {
    return this.#parts.lastCommit.known;
  }

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#batches = new SessionBatches(parts);
  }

  lostConnection(): boolean {
    return this.#parts.connections.lostOne();
  }

  get throttledMs(): number {
    return this.#parts.connections.throttledMs;
  }

  repeatEnd(partitions: readonly TopicPartition[], outcome: TransactionOutcome): Promise<void> {
    return this.#call('idle', async () => {
      this.#state = 'committing'; // In this state, a failure does not make us abort.
      const { session, groupId } = this.#parts;
      this.#parts.forgetOutcome();
      await this.#insist(() => addPartitionsToTxn(session, partitions));
      await this.#insist(() => addOffsetsToTxn(session, groupId));
      await this.#insist(() => endTxn(session, outcome));
      this.#state = 'idle';
    });
  }

  openFrom(partition: TopicPartition): Promise<OpenFrom> {
    return this.#call('idle', async () => openAt(this.#parts, await this.#leaderOf(partition), partition));
  }

  async prove(changelog: TopicPartition, input: TopicPartition): Promise<Proof> {
    await this.begin([changelog]);
    const [end] = (await settleAll<number | void>([
      this.produce(changelog, [PROOF_RECORD]),
      this.sendOffset(input, { offset: 0, leaderEpoch: -1 }),
    ])) as [number, void];
    const committed = await this.#call('open', () => committedAtCoordinator(this.#parts, input));
    return { changelogEnd: end - 1, committed };
  }

  begin(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#call('idle', async () => {
      // Find the leaders first. If a leader were missing later, the transaction that the coordinator knows by then
      // would have to be aborted.
      await settleAll(partitions.map((partition) => this.#leaderOf(partition)));
      this.#state = 'beginning';
      this.#parts.forgetOutcome();
      const { coordinator, session, groupId } = this.#parts;
      const requests = await Promise.allSettled([
        this.#untilMarkersAreWritten(coordinator, () => addPartitionsToTxn(session, partitions)),
        this.#untilMarkersAreWritten(coordinator, () => addOffsetsToTxn(session, groupId)),
      ]);
      const failures = requests.flatMap((request) => (request.status === 'rejected' ? [request.reason as Error] : []));
      // An abort would begin a transaction if none was begun, and that abort would count as the last outcome
      // (`LastOutcomes`).
      if (failures.length === requests.length && failures.every((failure) => failure instanceof LateMarkersError))
        this.#state = 'idle';
      if (failures[0] !== undefined) throw failures[0];
      this.#state = 'open';
      this.#parts.lastCommit.begun(partitions);
    });
  }

  prepare(to: TopicPartition, records: readonly RecordToWrite[]): () => Promise<number> {
    if (records.length === 0) throw new RangeError(`no records to write to ${to.topic}-${to.partition}`);
    const batches = this.#batches.encode(to, records);
    return () =>
      this.#call('open', async () => {
        let end = -1;
        for (const [index, batch] of batches.entries()) {
          end = await this.#sendBatch(to, batch);
          if (index < batches.length - 1) this.#parts.connections.mustNotWait(to);
        }
        return end;
      });
  }

  produce(to: TopicPartition, records: readonly RecordToWrite[]): Promise<number> {
    return this.prepare(to, records)();
  }

  sendOffset(input: TopicPartition, offset: CommittedOffset): Promise<void> {
    return this.#call('open', async () => {
      const { groupCoordinator, session, groupId, lastCommit } = this.#parts;
      const call = txnOffsetCommit(session, groupId, input, offset);
      const sending = this.#send(groupCoordinator, call, input);
      lastCommit.sentOffset(sending);
      throwRefused(await sending, call.request.apiName);
    });
  }

  /** Without an answer, nothing is aborted: the next take-over asks how the transaction has ended (pipeline/fence.ts). */
  commit(): Promise<void> {
    return this.#call('open', async () => {
      this.#state = 'committing';
      const { coordinator, session } = this.#parts;
      const call = endTxn(session, 'commit');
      throwRefused(await this.#send(coordinator, call), call.request.apiName);
      this.#state = 'idle';
      this.#parts.lastCommit.committed();
    });
  }

  discard(): Promise<void> {
    this.#over ??= new BrokerError(`the producer of ${this.#parts.session.transactionalId} was discarded`);
    this.#discarded ??= this.#close();
    return this.#discarded;
  }

  async #call<T>(needed: State, work: () => Promise<T>): Promise<T> {
    if (this.#over !== null) throw this.#over;
    if (this.#state !== needed) throw new Error(`the transaction is ${this.#state}, but this call needs it ${needed}`);
    const pending = work();
    this.#inFlight.add(pending);
    try {
      return await pending;
    } catch (error) {
      this.#over ??= error as Error;
      throw error;
    } finally {
      this.#inFlight.delete(pending);
    }
  }

  async #sendBatch(to: TopicPartition, { request, count, compressed }: EncodedBatch): Promise<number> {
    const { recordBatchLimits } = this.#parts;
    const { call, bytes } = await request;
    const answer = await this.#sendToLeader(to, call);
    if (answer.errorCode === NO_ERROR) {
      const end = answer.baseOffset + count;
      this.#parts.lastCommit.wrote(to, end);
      return end;
    }

    const refused = refusal(answer.errorCode, call.request.apiName, to);
    if (!isTooLarge(answer.errorCode)) throw refused;
    if (compressed) throw new RecordTooLargeError(to.topic, bytes, { cause: refused });
    recordBatchLimits.lower(to.topic, bytes);
    const next = count === 1 ? 'it will be compressed' : 'the next batches will be smaller';
    throw new BrokerError(
      `a batch of ${count} records and ${bytes} bytes does not fit ${to.topic}-${to.partition}: ${next}`,
      { cause: refused },
    );
  }

  async #untilMarkersAreWritten(address: string, makeCall: () => ProtocolCall<Answer>): Promise<void> {
    const { clock } = this.#parts;
    const waited = new Stopwatch(clock);
    for (;;) {
      const call = makeCall();
      const answer = await this.#send(address, call);
      if (answer.errorCode !== ERROR_CODES.CONCURRENT_TRANSACTIONS) {
        throwRefused(answer, call.request.apiName);
        return;
      }
      if (waited.elapsedMs >= MARKERS_TIMEOUT_MS)
        throw new LateMarkersError(refusal(answer.errorCode, call.request.apiName).message);
      await clock.delay(MARKERS_RETRY_MS);
    }
  }

  /** Sends a request that the coordinator may receive twice in one session. */
  async #insist(makeCall: () => ProtocolCall<Answer>): Promise<void> {
    const { connections, coordinator, clock } = this.#parts;
    await untilReady(clock, makeCall().request.apiName, async () => {
      try {
        return await connections.ask(coordinator, ({ connectionPool }) => connectionPool.send(makeCall()));
      } catch (error) {
        connections.drop(coordinator);
        throw error;
      }
    });
  }

  /**
   * Sends nothing once the session is over: after a failure, no later write may reach the log.
   * @param to the partition that a write of the transaction is about; undefined for other requests
   */
  async #send<T extends Answer>(address: string, call: ProtocolCall<T>, to?: TopicPartition): Promise<T> {
    const { connections } = this.#parts;
    const send = ({ connectionPool }: ConnectedBroker): Promise<T> => {
      if (this.#over !== null) throw this.#over;
      return connectionPool.send(call);
    };
    try {
      return await (to === undefined ? connections.ask(address, send) : connections.write(address, send));
    } catch (error) {
      if (error === this.#over) throw error;
      if (address === this.#parts.coordinator) this.#coordinatorAnswers = false;
      throw noAnswer(error, call.request.apiName, to);
    }
  }

  /** Sends to the partition's leader. After any failure it forgets the leader, which may have moved. */
  async #sendToLeader(to: TopicPartition, call: ProtocolCall<ProduceAnswer>): Promise<ProduceAnswer> {
    const { leaders } = this.#parts;
    try {
      const answer = await this.#send(await this.#leaderOf(to), call, to);
      if (answer.errorCode !== NO_ERROR) leaders.forget(to);
      return answer;
    } catch (error) {
      leaders.forget(to);
      throw error;
    }
  }

  async #leaderOf(partition: TopicPartition): Promise<string> {
    try {
      return (await this.#parts.leaders.find(partition)).address;
    } catch (error) {
      if (error instanceof BrokerError) throw error;
      throw noAnswer(error, 'Metadata', partition);
    }
  }

  async #close(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
    const mayBeOpen = this.#state === 'beginning' || this.#state === 'open';
    // No abort after a commit was sent: only the broker knows its outcome. If another broker is silent, abort at once:
    // brokers may have skipped markers of the commit before there, and an abort must not reach it once it is back.
    if (mayBeOpen && !(this.#over instanceof FencedError) && this.#coordinatorAnswers) await tryToAbort(this.#parts);
    await this.#parts.connections.close();
  }
}
