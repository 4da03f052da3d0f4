/** When the transactions of a partition begin, on simulated brokers. */
import { Instance } from '../../../testkit/simulation/pipeline/instance.js';
import { World } from '../../../testkit/simulation/pipeline/world.js';

const INTERVAL_MS = 5_000;
/** For a transaction, and for all that comes before it. Faults of the brokers do not happen here. */
const SOON_MS = 500;
/** Less than the first batch may have. */
const FEW = 20;

class Partition {
  readonly world = new World(1, false);
  /** When each transaction of a batch began, in milliseconds since the start. */
  readonly begun: number[] = [];
  readonly instances: readonly Instance[];

  constructor(commitIntervalMs: number) {
    const { world } = this;
    const instance = (i: number) => new Instance(world, `instance-${i}`, false, () => undefined, commitIntervalMs);
    this.instances = [instance(0), instance(1)];
    const begin = world.coordinator.begin.bind(world.coordinator);
    world.coordinator.begin = (...values) => {
      begin(...values);
      this.begun.push(world.time.elapsed());
    };
  }

  get owner(): Instance {
    return this.instances[0] as Instance;
  }

  /** Starts the instances. The first one owns the partition, and has had nothing to do for a while. */
  async rest(): Promise<void> {
    for (const instance of this.instances) instance.start();
    this.world.group.giveTo(this.owner, this.instances, 0);
    await this.pass(2 * INTERVAL_MS);
    this.begun.length = 0;
  }

  pass(ms: number): Promise<void> {
    const until = this.world.time.now() + ms;
    this.world.time.after(ms, () => undefined);
    return this.world.time.run(() => this.world.time.now() >= until);
  }

  write(records: number): void {
    const record = { timestamp: this.world.time.now(), key: null, value: null, headers: [] };
    this.world.input.append(
      Array.from({ length: records }, () => record),
      false,
    );
  }

  /** The number of records that are not committed. */
  get waiting(): number {
    return this.world.input.end - (this.world.coordinator.committed?.offset ?? 0);
  }

  /** @returns how long it takes, at most `ms` */
  async consumed(ms: number): Promise<number> {
    const { time } = this.world;
    const from = time.now();
    time.after(ms, () => undefined);
    await time.run(() => this.waiting === 0 || time.now() >= from + ms);
    return time.now() - from;
  }
}

test('the first record after an idle time is committed at once', async () => {
  const partition = new Partition(INTERVAL_MS);
  await partition.rest();
  for (let i = 0; i < 3; i++) {
    partition.write(1);
    expect(await partition.consumed(INTERVAL_MS)).toBeLessThan(SOON_MS);
    await partition.pass(INTERVAL_MS);
  }
});

test('records that come soon after a transaction wait for the next one, which begins an interval after it', async () => {
  const partition = new Partition(INTERVAL_MS);
  await partition.rest();
  for (let i = 0; i < FEW; i++) {
    partition.write(1);
    await partition.pass((INTERVAL_MS - SOON_MS) / FEW);
  }
  expect(partition.waiting).toBe(FEW - 1);
  await partition.consumed(INTERVAL_MS);
  const [first = 0, second = 0] = partition.begun;
  expect(second - first).toBeGreaterThanOrEqual(INTERVAL_MS);
  expect(second - first).toBeLessThan(INTERVAL_MS + SOON_MS);
});

test('without an interval, records wait only for the transaction before them', async () => {
  const partition = new Partition(0);
  await partition.rest();
  for (let i = 0; i < FEW; i++) {
    partition.write(1);
    expect(await partition.consumed(INTERVAL_MS)).toBeLessThan(SOON_MS);
  }
  expect(partition.begun).toHaveLength(FEW);
});

test('a partition that is behind does not wait', async () => {
  const partition = new Partition(INTERVAL_MS);
  await partition.rest();
  partition.write(1);
  await partition.consumed(INTERVAL_MS);
  await partition.pass(INTERVAL_MS);
  partition.write(2_000);
  await partition.pass(INTERVAL_MS);
  // A simulated read returns 40 records at most, and mostly so many.
  expect(partition.begun.length).toBeGreaterThan(40);
  expect(partition.waiting).toBe(0);
});

/** A partition that has just committed a record, and keeps the next one back. */
async function gathering(): Promise<Partition> {
  const partition = new Partition(INTERVAL_MS);
  await partition.rest();
  partition.write(1);
  await partition.consumed(INTERVAL_MS);
  partition.write(1);
  await partition.pass(SOON_MS);
  return partition;
}

test('a partition that is stopped while it gathers ends at once, and its next owner commits the records', async () => {
  const partition = await gathering();
  expect(partition.waiting).toBe(1);
  const stoppedAt = partition.world.time.now();
  let isStopped = false;
  void partition.owner.stop().then(() => (isStopped = true));
  await partition.world.time.run(() => isStopped);
  expect(partition.world.time.now() - stoppedAt).toBeLessThan(SOON_MS);
  expect(partition.waiting).toBe(1);
  partition.world.group.giveTo(partition.instances[1] as Instance, partition.instances, 0);
  expect(await partition.consumed(INTERVAL_MS)).toBeLessThan(2 * SOON_MS);
});

test('a partition that is taken away while it gathers is released at once', async () => {
  const partition = await gathering();
  partition.world.group.giveTo(partition.instances[1] as Instance, partition.instances, 0);
  expect(await partition.consumed(INTERVAL_MS)).toBeLessThan(2 * SOON_MS);
  expect(partition.owner.status).toBe('not running');
});
