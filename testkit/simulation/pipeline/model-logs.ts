/** The ports `Logs` and `LogReader`, on the simulated brokers. */
import { OffsetOutOfRangeError, ReaderClosedError } from '../../../src/pipeline/errors.js';
import type { LogBatch, LogBounds, LogReader, Logs } from '../../../src/pipeline/ports.js';
import type { LogRecord, TopicPartition } from '../../../src/lib/record.js';
import type { LogEntry, ModelLog } from './model-log.js';
import type { SimulatedProcess } from './process.js';
import type { OldView } from './weather.js';
import type { World } from './world.js';

export function modelLogs(process: SimulatedProcess): Logs {
  const { world } = process;
  const { weather, coordinator } = world;
  const logOf = ({ topic }: TopicPartition) => world.log(topic);
  const call = <T>(name: string, effect: () => T) => process.callBroker(name, effect);
  return {
    reader: (partition, from) => new ModelReader(process, logOf(partition), from),
    bounds: ({ topic }) =>
      call(`bounds of ${topic}`, () => weather.oldView?.bounds.get(topic) ?? boundsOf(world, topic)),
    endOfEpoch: (partition, epoch) => call('end of epoch', () => logOf(partition).endOfEpoch(epoch)),
    committedOffset: () => call("group's offset", () => (weather.oldView ?? coordinator).committed),
    pendingOffset: () =>
      call('pending offset', () => {
        if (weather.oldView !== null) return weather.oldView;
        return { isPending: coordinator.pending !== null, byMost: weather.mostAnswer };
      }),
  };
}

function boundsOf(world: World, topic: string): LogBounds {
  const { end, highWatermark, leaderEpoch } = world.log(topic);
  return { start: 0, end, highWatermark, leaderEpoch, topicId: `id of ${topic}`, byMost: world.weather.mostAnswer };
}

/**
 * What a broker knows from now on that is cut off from the others now.
 *
 * @param byMost most brokers named it before they elected others, and the process was frozen after it had asked them
 */
export function viewOf(world: World, byMost = false): OldView {
  const bounds = [...world.logs.keys()].map((topic) => [topic, { ...boundsOf(world, topic), byMost }] as const);
  const { committed, pending } = world.coordinator;
  return { bounds: new Map(bounds), committed, isPending: pending !== null, byMost };
}

/** The most offsets of one answer: a reader must not depend on how many come together. */
const MAX_TOGETHER = 40;
/** A broker that does not answer is asked again. */
const AGAIN_MS = 250;
/** While a reader gathers records, it looks so often whether they are enough. */
const GATHER_LOOK_MS = 100;

class ModelReader implements LogReader {
  #isClosed = false;
  #fail: (error: Error) => void = () => undefined;
  #unwatch: () => void = () => undefined;
  #delivered: readonly LogRecord[] = [];

  constructor(
    private readonly process: SimulatedProcess,
    private readonly log: ModelLog,
    private position: number,
  ) {}

  next(maxRecords: number, gatherMs = 0): Promise<LogBatch> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closed());
      this.#fail = reject;
      const { world } = this.process;
      this.#delivered.forEach(overwrite);
      const gatherUntil = world.time.now() + gatherMs;
      const look = (): void => {
        if (this.#isClosed || this.process.isDead) return;
        if (world.weather.brokersAreDown) return void world.time.after(AGAIN_MS, look);
        const known = world.weather.oldView?.bounds.get(this.log.topic) ?? this.log;
        if (this.position > known.highWatermark)
          return reject(new OffsetOutOfRangeError(`${this.log.topic} has no offset ${this.position}`));
        if (known.end <= this.position) {
          if (known !== this.log) return void world.time.after(AGAIN_MS, look);
          this.#unwatch = this.log.whenMoved(() => void world.time.after(world.weather.latencyMs(), look));
          return;
        }
        const gatherLeftMs = gatherUntil - world.time.now();
        if (gatherLeftMs > 0 && known.end - this.position < maxRecords)
          return void world.time.after(Math.min(gatherLeftMs, GATHER_LOOK_MS), look);
        const most = Math.min(maxRecords, world.random.pick([1, 3, MAX_TOGETHER, MAX_TOGETHER]));
        const { records: entries, nextOffset } = this.log.read(
          this.position,
          Math.min(most, known.end - this.position),
        );
        const records = entries.map(copied);
        this.#delivered = [...records];
        const { end: endOffset, leaderEpoch } = known;
        this.position = nextOffset;
        world.trace(this.process.name, `reads ${this.log.topic} up to ${nextOffset}`);
        this.process.later(world.weather.latencyMs(), () => {
          if (!this.#isClosed) resolve({ records, nextOffset, endOffset, leaderEpoch });
        });
      };
      world.time.after(world.weather.latencyMs(), look);
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unwatch();
    this.#fail(closed());
  }
}

function copied({ offset, timestamp, key, value, headers }: LogEntry): LogRecord {
  const copy = (bytes: Buffer | null) => (bytes === null ? null : Buffer.from(bytes));
  const copies = headers.map((header) => ({ key: header.key, value: copy(header.value) }));
  return { offset, timestamp, key: copy(key), value: copy(value), headers: copies };
}

/** As a reader that reuses its memory: a record is valid only until the next read. */
function overwrite({ key, value, headers }: LogRecord): void {
  for (const bytes of [key, value, ...headers.map((header) => header.value)]) bytes?.fill(0xaa);
}

function closed(): ReaderClosedError {
  return new ReaderClosedError('the simulated reader is closed');
}
