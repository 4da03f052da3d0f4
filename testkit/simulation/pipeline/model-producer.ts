/** The ports `Transactions` and `TransactionalProducer`, on the simulated brokers. */
import type { RecordToWrite, TopicPartition } from '../../../src/lib/record.js';
import type { Proof, TransactionalProducer, TransactionOutcome, Transactions } from '../../../src/pipeline/ports.js';
import type { MemoryDisk } from './memory-disk.js';
import type { ModelLog } from './model-log.js';
import type { SimulatedProcess } from './process.js';

export function modelTransactions(process: SimulatedProcess, disk: MemoryDisk): Transactions {
  const { coordinator } = process.world;
  return {
    fence: async () => {
      process.lostConnection = false;
      const epoch = await process.callBroker('fence', () => coordinator.fence());
      return new ModelProducer(process, disk, epoch);
    },
  };
}

class ModelProducer implements TransactionalProducer {
  readonly lastOutcome;
  readonly lastCommit = null;
  #writesAtBegin = 0;

  constructor(
    private readonly process: SimulatedProcess,
    private readonly disk: MemoryDisk,
    private readonly epoch: number,
  ) {
    this.lastOutcome = process.world.coordinator.lastOutcome;
  }

  get throttledMs(): number {
    return this.process.world.weather.throttledMs;
  }

  lostConnection(): boolean {
    const lost = this.process.lostConnection;
    this.process.lostConnection = false;
    return lost;
  }

  /**
   * Brokers never leave a transaction open here. Only an old view can make an owner end one again, or the transaction of
   * its successor, which a fenced producer takes for its own.
   */
  async repeatEnd(partitions: readonly TopicPartition[], outcome: TransactionOutcome): Promise<void> {
    await this.begin(partitions);
    await this.#call(`repeat the ${outcome}`, () => {
      const { weather } = this.process.world;
      if (!weather.hadOldView)
        this.process.world.violated('a transaction was ended again, although the brokers have left none open');
      if (outcome === 'commit') this.#coordinator.commit(this.epoch);
      else this.#coordinator.abort(this.epoch);
    });
  }

  openFrom({ topic }: TopicPartition): Promise<number | 'nothing'> {
    return this.#call('open from', () => this.#log(topic).openFrom ?? 'nothing');
  }

  async prove(changelog: TopicPartition): Promise<Proof> {
    const { coordinator, time } = this.process.world;
    const log = this.#log(changelog.topic);
    await this.begin([changelog]);
    return this.#call('prove', () => {
      const changelogEnd = log.highWatermark;
      const record = { key: Buffer.from('proof'), value: null, headers: [], timestamp: time.now() };
      coordinator.append(this.epoch, log, [record]);
      return { changelogEnd, committed: coordinator.committed };
    });
  }

  begin(partitions: readonly TopicPartition[]): Promise<void> {
    this.#writesAtBegin = this.disk.writes;
    const logs = partitions.map(({ topic }) => this.#log(topic));
    return this.#call('begin', () => this.#coordinator.begin(this.epoch, logs));
  }

  prepare({ topic }: TopicPartition, records: readonly RecordToWrite[]): () => Promise<number> {
    const { time } = this.process.world;
    const copy = (bytes: Buffer | null) => (bytes === null ? null : Buffer.from(bytes));
    const copied = records.map(({ key, value, headers }) => ({
      key: copy(key),
      value: copy(value),
      headers: headers.map((header) => ({ key: header.key, value: copy(header.value) })),
    }));
    const stamped = () => copied.map((record) => ({ ...record, timestamp: time.now() }));
    return () =>
      this.#call(`produce ${copied.length} to ${topic}`, () =>
        this.#coordinator.append(this.epoch, this.#log(topic), stamped()),
      );
  }

  produce(to: TopicPartition, records: readonly RecordToWrite[]): Promise<number> {
    return this.prepare(to, records)();
  }

  sendOffset(_: TopicPartition, offset: Parameters<TransactionalProducer['sendOffset']>[1]): Promise<void> {
    // The same offset again: the store has the rows that belong to it, and writes them to the changelog again.
    const isSame = offset.offset === this.#coordinator.committed?.offset;
    if (!isSame && this.disk.writes === this.#writesAtBegin)
      this.process.world.violated(`offset ${offset.offset} was sent before the store had applied its batch`);
    return this.#call(`send offset ${offset.offset}`, () => this.#coordinator.sendOffset(this.epoch, offset));
  }

  commit(): Promise<void> {
    return this.#call('commit', () => this.#coordinator.commit(this.epoch));
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }

  get #coordinator() {
    return this.process.world.coordinator;
  }

  #log(topic: string): ModelLog {
    return this.process.world.log(topic);
  }

  #call<T>(name: string, effect: () => T): Promise<T> {
    return this.process.callBroker(name, effect);
  }
}
