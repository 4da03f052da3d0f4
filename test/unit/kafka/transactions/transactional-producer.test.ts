import Encoder from 'kafkajs/src/protocol/encoder.js';
import { RecordBatchLimits } from '../../../../src/kafka/transactions/record-batch-limits.js';
import type { ConnectedBroker, ProtocolCall } from '../../../../src/kafka/protocol/protocol-call.js';
import { LastCommit } from '../../../../src/kafka/transactions/last-commit.js';
import { ERROR_CODES } from '../../../../src/kafka/protocol/protocol-errors.js';
import { nextSequence } from '../../../../src/kafka/protocol/record-batch-encoder.js';
import type { SessionParts } from '../../../../src/kafka/transactions/session-parts.js';
import type { OpenFrom } from '../../../../src/pipeline/ports.js';
import { KafkaTransactionalProducer } from '../../../../src/kafka/transactions/transactional-producer.js';
import { SteppedClock } from '../../../support/clocks.js';
import { NO_HEADERS } from '../../../../src/lib/record.js';
import { BrokerError, FencedError } from '../../../../src/pipeline/errors.js';

const OUTPUT = { topic: 'output', partition: 0 };
const RECORD = { key: null, value: Buffer.from('v'), headers: NO_HEADERS };

/** A request that the broker has and has not answered. */
interface Unanswered {
  readonly name: string;
  answer(body: Encoder): void;
  loseConnection(): void;
}

const COORDINATOR = 'broker:9092';

/** Leader and coordinator of everything. The test answers each request. */
class ScriptedBroker {
  readonly sent: string[] = [];
  closed = 0;
  mustNotWait = (): void => undefined;
  readonly #unanswered: Unanswered[] = [];

  readonly #broker = {
    versions: { 22: { minVersion: 0, maxVersion: 5 }, 61: { minVersion: 0, maxVersion: 0 } },
    connectionPool: {
      send: <T extends object>(call: ProtocolCall<T>): Promise<T> =>
        new Promise<Buffer>((resolve, reject) => {
          this.sent.push(call.request.apiName);
          this.#unanswered.push({
            name: call.request.apiName,
            answer: (body) => resolve(body.buffer),
            loseConnection: () => reject(new Error('connection lost')),
          });
        }).then(async (body) => call.response.parse(await call.response.decode(body))),
    },
  } as unknown as ConnectedBroker;

  readonly connections: SessionParts['connections'] = {
    ask: (_address, question) => Promise.resolve(this.#broker).then(question),
    write: (_address, question) => Promise.resolve(this.#broker).then(question),
    throttledMs: 0,
    mustNotWait: () => this.mustNotWait(),
    close: () => {
      this.closed++;
      return Promise.resolve();
    },
    drop: () => undefined,
    lostOne: () => false,
  };

  /** Lets all work continue that can. Then returns the oldest request of that name without an answer. */
  async received(name: string): Promise<Unanswered> {
    await quiet();
    const at = this.#unanswered.findIndex((request) => request.name === name);
    const [request] = at < 0 ? [] : this.#unanswered.splice(at, 1);
    if (request === undefined) throw new Error(`the broker has no unanswered ${name}, it got ${this.sent.join(', ')}`);
    return request;
  }
}

/** Lets every promise that can settle do so. */
const quiet = () => new Promise<void>((resolve) => setImmediate(resolve));

const throttle = () => new Encoder().writeInt32(0);
const answered = (errorCode: number) => throttle().writeInt16(errorCode);
const answeredForPartition = (errorCode: number) => {
  const partition = new Encoder().writeInt32(0).writeInt16(errorCode);
  const topic = new Encoder().writeString('output').writeArray([partition], 'object');
  return throttle().writeArray([topic], 'object');
};
const produced = (errorCode: number, baseOffset = 0) => {
  const partition = new Encoder()
    .writeInt32(0)
    .writeInt16(errorCode)
    .writeInt64(baseOffset)
    .writeInt64(-1)
    .writeInt64(0);
  const topic = new Encoder().writeString('output').writeArray([partition], 'object');
  return new Encoder().writeArray([topic], 'object').writeInt32(0);
};

function fencedProducer(
  find: SessionParts['leaders']['find'] = () => Promise.resolve({ address: COORDINATOR, epoch: 0 }),
  lastCommit = new LastCommit(20_000),
  groupCoordinator = COORDINATOR,
) {
  const scripted = new ScriptedBroker();
  const forgotten: number[] = [];
  const clock = new SteppedClock();
  const producer = new KafkaTransactionalProducer({
    connections: scripted.connections,
    leaders: { find, forget: () => undefined },
    clock,
    session: { transactionalId: 'id', producerId: 1n, producerEpoch: 0 },
    producerIds: new Set([1n]),
    lastOutcome: null,
    forgetOutcome: () => forgotten.push(scripted.sent.length),
    lastCommit,
    coordinator: COORDINATOR,
    groupId: 'group',
    groupCoordinator,
    recordBatchLimits: new RecordBatchLimits(900_000, { now: () => 0 }),
    produceTimeoutMs: 30_000,
    transactionTimeoutMs: 20_000,
  });
  return { scripted, producer, clock, forgotten };
}

async function begunProducer(others = COORDINATOR) {
  const find = () => Promise.resolve({ address: others, epoch: 0 });
  const { scripted, producer } = fencedProducer(find, new LastCommit(20_000), others);
  const begun = producer.begin([OUTPUT]);
  (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(0));
  (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
  await begun;
  return { scripted, producer };
}

test('a fault of this program ends the session with that error, and does not count as a missing answer', async () => {
  const { scripted, producer } = fencedProducer();
  const fault = new TypeError('a fault of this program');
  scripted.connections.ask = () => Promise.reject(fault);
  await expect(producer.begin([OUTPUT])).rejects.toBe(fault);
  const homeless = fencedProducer(() => Promise.reject(fault)).producer;
  await expect(homeless.begin([OUTPUT])).rejects.toBe(fault);
});

test('beginning waits for the markers of the former transaction, and repeats requests that were not carried out', async () => {
  const { scripted, producer } = fencedProducer();
  const begun = producer.begin([OUTPUT]);
  (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(ERROR_CODES.CONCURRENT_TRANSACTIONS));
  (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
  await quiet();
  (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(0));
  await begun;
  expect(scripted.sent).toEqual(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'AddPartitionsToTxn']);
});

test('the coordinator gets no request for a transaction with a partition that has no leader', async () => {
  const leaderless = new BrokerError('no leader');
  const { scripted, producer } = fencedProducer(() => Promise.reject(leaderless));
  await expect(producer.begin([OUTPUT])).rejects.toBe(leaderless);
  await producer.discard();
  expect(scripted.sent).toEqual([]);
});

describe('repeating the end of the last transaction', () => {
  test('repeats unanswered requests, and never aborts on the way to a commit', async () => {
    const { scripted, producer } = fencedProducer();
    const repeated = producer.repeatEnd([OUTPUT], 'commit');
    (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(ERROR_CODES.CONCURRENT_TRANSACTIONS));
    await quiet();
    (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(0));
    (await scripted.received('AddOffsetsToTxn')).loseConnection();
    await quiet();
    (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
    (await scripted.received('EndTxn')).answer(answered(0));
    await repeated;
    await producer.discard();
    expect(scripted.sent.filter((name) => name === 'EndTxn')).toHaveLength(1);
  });

  test('aborts nothing if the coordinator refuses: the next owner does that', async () => {
    const { scripted, producer } = fencedProducer();
    const repeated = producer.repeatEnd([OUTPUT], 'commit');
    (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(0));
    (await scripted.received('AddOffsetsToTxn')).answer(answered(ERROR_CODES.GROUP_AUTHORIZATION_FAILED));
    await expect(repeated).rejects.toThrow(BrokerError);
    await producer.discard();
    expect(scripted.sent).not.toContain('EndTxn');
  });
});

/** A coordinator's answer to OffsetFetch about one partition. */
function committedAt(offset: number, leaderEpoch: number): Encoder {
  const partition = new Encoder()
    .writeInt32(0)
    .writeInt64(offset)
    .writeInt32(leaderEpoch)
    .writeString(null)
    .writeInt16(0);
  const topic = new Encoder().writeString('input').writeArray([partition], 'object');
  return new Encoder().writeInt32(0).writeArray([topic], 'object').writeInt16(0);
}

describe('a proof', () => {
  test('has the values of the true leader and the true coordinator, once both have accepted its writes', async () => {
    const { scripted, producer } = fencedProducer();
    const proving = producer.prove(OUTPUT, { topic: 'input', partition: 0 });
    (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(0));
    (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
    (await scripted.received('Produce')).answer(produced(0, 20));
    await quiet();
    expect(scripted.sent).not.toContain('OffsetFetch');
    (await scripted.received('TxnOffsetCommit')).answer(answeredForPartition(0));
    (await scripted.received('OffsetFetch')).answer(committedAt(7, 3));
    expect(await proving).toEqual({ changelogEnd: 20, committed: { offset: 7, leaderEpoch: 3 } });
    expect(scripted.sent).not.toContain('EndTxn');
  });

  test.each(['Produce', 'TxnOffsetCommit'])('fails if the %s is refused', async (refused) => {
    const { scripted, producer } = fencedProducer();
    const proving = producer.prove(OUTPUT, { topic: 'input', partition: 0 }).catch((error: unknown) => error);
    (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(0));
    (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
    const code = (name: string) => (name === refused ? ERROR_CODES.NOT_COORDINATOR : 0);
    (await scripted.received('Produce')).answer(produced(code('Produce'), 20));
    (await scripted.received('TxnOffsetCommit')).answer(answeredForPartition(code('TxnOffsetCommit')));
    expect(await proving).toBeInstanceOf(BrokerError);
    expect(scripted.sent).not.toContain('OffsetFetch');
  });
});

describe('whether a transaction of its own is open in some place', () => {
  /** A leader's answer to DescribeProducers: these producers have transactions open. */
  const openOf = (errorCode: number, ...producerIds: readonly number[]): Encoder => {
    const array = (to: Encoder, length: number) => to.writeUVarInt(length + 1);
    const body = array(new Encoder().writeUVarInt(0).writeInt32(0), 1).writeUVarIntString('output');
    array(array(body, 1).writeInt32(0).writeInt16(errorCode).writeUVarInt(0), producerIds.length);
    for (const id of producerIds)
      body.writeInt64(id).writeInt32(0).writeInt32(0).writeInt64(0).writeInt32(0).writeInt64(5).writeUVarInt(0);
    return body.writeUVarInt(0).writeUVarInt(0).writeUVarInt(0);
  };

  test.each<[string, Encoder, OpenFrom]>([
    ['its own producer id', openOf(0, 4, 1), 5],
    ['the ids of others alone', openOf(0, 4), 'nothing'],
    ['a refusal', openOf(29), 'unknown'],
  ])('is known by %s', async (_, answer, expected) => {
    const { scripted, producer } = fencedProducer();
    const asking = producer.openFrom(OUTPUT);
    (await scripted.received('DescribeProducers')).answer(answer);
    expect(await asking).toBe(expected);
  });
});

test('the known outcome is forgotten before anything of a new transaction is sent', async () => {
  const { scripted, producer, forgotten } = fencedProducer();
  const begun = producer.begin([OUTPUT]);
  (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(0));
  (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
  await begun;
  expect(forgotten).toEqual([0]);
});

test('beginning gives up on markers that never come before brokers can have skipped them, although the clock is set back', async () => {
  const { scripted, producer, clock } = fencedProducer();
  const startedAt = clock.now();
  Object.assign(clock, { now: () => 0, monotonicMs: SteppedClock.prototype.now.bind(clock) });
  let outcome: unknown = null;
  producer.begin([OUTPUT]).catch((error: unknown) => (outcome = error));
  (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
  while (outcome === null) {
    (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(ERROR_CODES.CONCURRENT_TRANSACTIONS));
    await quiet();
    await quiet();
  }
  expect(outcome).toBeInstanceOf(BrokerError);
  expect(SteppedClock.prototype.now.call(clock) - startedAt).toBeLessThan(4_000);
});

test('a transaction that could not begin after a late commit is not aborted: the abort would count as its outcome', async () => {
  const { scripted, producer } = fencedProducer();
  let outcome: unknown = null;
  producer.begin([OUTPUT]).catch((error: unknown) => (outcome = error));
  const late = ERROR_CODES.CONCURRENT_TRANSACTIONS;
  const answer = async (name: string, body: Encoder) => {
    const request = await scripted.received(name).catch(() => null);
    request?.answer(body);
  };
  while (outcome === null) {
    await answer('AddPartitionsToTxn', answeredForPartition(late));
    await answer('AddOffsetsToTxn', answered(late));
    await quiet();
  }
  expect(outcome).toBeInstanceOf(BrokerError);
  const sent = [...scripted.sent];
  void producer.discard();
  await quiet();
  expect(scripted.sent).toEqual(sent);
});

describe('the last commit', () => {
  /** Writes one record and the offset in a transaction. @returns what the group's coordinator has not answered yet */
  async function written(
    { scripted, producer }: Pick<ReturnType<typeof fencedProducer>, 'scripted' | 'producer'>,
    base: number,
  ) {
    const begun = producer.begin([OUTPUT]);
    (await scripted.received('AddPartitionsToTxn')).answer(answeredForPartition(0));
    (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
    await begun;
    const producing = producer.produce(OUTPUT, [RECORD]);
    (await scripted.received('Produce')).answer(produced(0, base));
    await producing;
    const sent = producer.sendOffset(OUTPUT, { offset: 1, leaderEpoch: -1 }).catch(() => undefined);
    return { sent, request: await scripted.received('TxnOffsetCommit') };
  }

  test('is unknown before it is acknowledged', async () => {
    const { scripted, producer } = fencedProducer();
    const { request, sent } = await written({ scripted, producer }, 20);
    request.answer(answeredForPartition(0));
    await sent;
    expect(producer.lastCommit).toBeNull();
    const committing = producer.commit().catch((error: unknown) => error);
    (await scripted.received('EndTxn')).loseConnection();
    expect(await committing).toBeInstanceOf(BrokerError);
    expect(producer.lastCommit).toBeNull();
  });

  test.each<[string, boolean, (request: Unanswered) => void]>([
    ['was refused', true, (request) => request.answer(answeredForPartition(ERROR_CODES.NOT_COORDINATOR))],
    ['had no answer', false, (request) => request.loseConnection()],
    ['was taken', false, (request) => request.answer(answeredForPartition(0))],
  ])('outlives the session and a later transaction whose offset %s', async (_, hasLastOffset, answer) => {
    const lastCommit = new LastCommit(20_000);
    const { scripted, producer } = fencedProducer(undefined, lastCommit);
    const first = await written({ scripted, producer }, 20);
    first.request.answer(answeredForPartition(0));
    await first.sent;
    const committing = producer.commit();
    (await scripted.received('EndTxn')).answer(answered(0));
    await committing;
    const second = await written({ scripted, producer }, 22);
    answer(second.request);
    await second.sent;
    const known = fencedProducer(undefined, lastCommit).producer.lastCommit;
    expect(known?.endIn(OUTPUT)).toBe(21);
    expect(known?.endIn({ topic: 'other', partition: 0 })).toBeNull();
    expect(known?.hasLastOffset).toBe(hasLastOffset);
  });
});

test('after an error nothing more is sent, and every call throws the first error', async () => {
  const { scripted, producer } = await begunProducer();
  const first = producer.produce(OUTPUT, [RECORD]).catch((error: unknown) => error);
  (await scripted.received('Produce')).answer(produced(ERROR_CODES.INVALID_PRODUCER_EPOCH));
  const error = await first;
  expect(error).toBeInstanceOf(FencedError);
  const sentBefore = scripted.sent.length;
  await expect(producer.produce(OUTPUT, [RECORD])).rejects.toBe(error);
  await expect(producer.sendOffset(OUTPUT, { offset: 1, leaderEpoch: -1 })).rejects.toBe(error);
  await expect(producer.commit()).rejects.toBe(error);
  await expect(producer.begin([OUTPUT])).rejects.toBe(error);
  expect(scripted.sent).toHaveLength(sentBefore);
});

test('a failure stops the batches of another write that were not sent yet', async () => {
  const { scripted, producer } = await begunProducer();
  const large = Array.from({ length: 3 }, () => ({ ...RECORD, value: Buffer.alloc(600_000) }));
  const writing = producer.produce(OUTPUT, large).catch((error: unknown) => error);
  const sending = producer.sendOffset(OUTPUT, { offset: 1, leaderEpoch: -1 }).catch((error: unknown) => error);
  (await scripted.received('TxnOffsetCommit')).loseConnection();
  const error = await sending;
  (await scripted.received('Produce')).answer(produced(0));
  expect(await writing).toBe(error);
  expect(scripted.sent.filter((name) => name === 'Produce')).toHaveLength(1);
});

test('a write that brokers throttle for too long sends no further batch', async () => {
  const { scripted, producer } = await begunProducer();
  const large = Array.from({ length: 3 }, () => ({ ...RECORD, value: Buffer.alloc(600_000) }));
  const writing = producer.produce(OUTPUT, large).catch((error: unknown) => error);
  const tooLong = new BrokerError('throttled for too long');
  scripted.mustNotWait = () => {
    throw tooLong;
  };
  (await scripted.received('Produce')).answer(produced(0));
  expect(await writing).toBe(tooLong);
  expect(scripted.sent.filter((name) => name === 'Produce')).toHaveLength(1);
});

test('discarding waits for the requests in flight, then fences itself, then closes the connections, once', async () => {
  const { scripted, producer } = await begunProducer();
  const writing = producer.produce(OUTPUT, [RECORD]);
  const request = await scripted.received('Produce');
  let discarded = 0;
  const both = Promise.all([producer.discard().then(() => discarded++), producer.discard().then(() => discarded++)]);
  await quiet();
  expect(scripted.sent).not.toContain('InitProducerId');
  expect(scripted.closed).toBe(0);

  request.answer(produced(0));
  await expect(writing).resolves.toBe(1);
  (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
  (await scripted.received('InitProducerId')).loseConnection();
  await both;
  expect([discarded, scripted.closed]).toEqual([2, 1]);
  await expect(producer.commit()).rejects.toThrow('discarded');
});

test('after a commit without an answer no abort is sent', async () => {
  const { scripted, producer } = await begunProducer();
  const committing = producer.commit();
  (await scripted.received('EndTxn')).loseConnection();
  await expect(committing).rejects.toThrow(BrokerError);
  await producer.discard();
  expect(scripted.sent.filter((name) => name === 'EndTxn')).toHaveLength(1);
  expect(scripted.sent).not.toContain('InitProducerId');
});

test('discarding sends no abort after a commit, nor if the coordinator of the transaction has not answered', async () => {
  const idle = await begunProducer();
  const committing = idle.producer.commit();
  (await idle.scripted.received('EndTxn')).answer(answered(0));
  await committing;
  await idle.producer.discard();
  expect(idle.scripted.sent.filter((name) => name === 'EndTxn')).toHaveLength(1);
  expect(idle.scripted.sent).not.toContain('InitProducerId');

  const unanswered = await begunProducer();
  const sending = unanswered.producer.sendOffset(OUTPUT, { offset: 1, leaderEpoch: -1 });
  (await unanswered.scripted.received('TxnOffsetCommit')).loseConnection();
  await expect(sending).rejects.toThrow(BrokerError);
  await unanswered.producer.discard();
  expect(unanswered.scripted.sent).not.toContain('InitProducerId');
});

test.each(['Produce', 'TxnOffsetCommit'])(
  'discarding aborts at once if the %s to another broker had no answer: later, the abort could undo the commit before',
  async (silent) => {
    const { scripted, producer } = await begunProducer('other:9092');
    const writing = Promise.allSettled([
      producer.produce(OUTPUT, [RECORD]),
      producer.sendOffset(OUTPUT, { offset: 1, leaderEpoch: -1 }),
    ]);
    (await scripted.received(silent)).loseConnection();
    if (silent === 'Produce') (await scripted.received('TxnOffsetCommit')).answer(answeredForPartition(0));
    else (await scripted.received('Produce')).answer(produced(0));
    await writing;
    const discarded = producer.discard();
    (await scripted.received('AddOffsetsToTxn')).answer(answered(0));
    (await scripted.received('InitProducerId')).loseConnection();
    await discarded;
  },
);

test('discarding a fenced session aborts nothing: the open transaction belongs to the new owner', async () => {
  const { scripted, producer } = await begunProducer();
  const discarded = producer.discard();
  (await scripted.received('AddOffsetsToTxn')).answer(answered(ERROR_CODES.INVALID_PRODUCER_EPOCH));
  await discarded;
  expect(scripted.sent).not.toContain('InitProducerId');
});

test('a call in the wrong state is refused, and nothing is sent for it', async () => {
  const { scripted, producer } = await begunProducer();
  const sentBefore = scripted.sent.length;
  await expect(producer.begin([OUTPUT])).rejects.toThrow('idle');
  expect(scripted.sent).toHaveLength(sentBefore);
});

test('sequence numbers start again at 0 after 2^31 - 1', () => {
  expect(nextSequence(0, 10)).toBe(10);
  expect(nextSequence(2 ** 31 - 2, 1)).toBe(2 ** 31 - 1);
  expect(nextSequence(2 ** 31 - 1, 1)).toBe(0);
  expect(nextSequence(2 ** 31 - 3, 5)).toBe(2);
});
