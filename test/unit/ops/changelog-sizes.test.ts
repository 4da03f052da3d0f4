/** The size of the changelog, while the brokers report it. */
import { Registry } from 'prom-client';
import { ChangelogSizes } from '../../../src/ops/changelog-sizes.js';
import type { PartitionStatus } from '../../../src/pipeline/observer.js';
import { readableLogger } from '../../support/log-lines.js';
import { ManualClock, passTime } from '../../support/manual-clock.js';

const RUNNING: PartitionStatus = { state: 'running', reason: null };
const MINUTE_MS = 60_000;

class Instance {
  readonly assigned = new Map([[3, RUNNING]]);
  readonly #log = readableLogger('warn');
  readonly asked: number[] = [];
  answer: (partition: number) => Promise<number | null> = () => Promise.resolve(700);
  readonly #registry = new Registry();
  readonly #clock = new ManualClock();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor() {
    const sizes = new ChangelogSizes({
      registry: this.#registry,
      clock: this.#clock,
      logger: this.#log.logger,
      local: { statuses: () => this.assigned },
      changelogBytes: (partition) => {
        this.asked.push(partition);
        return this.answer(partition);
      },
    });
    this.#running = sizes.run(this.#stop.signal);
  }

  get warnings(): string[] {
    return this.#log.lines.map(({ msg }) => msg);
  }

  pass(ms: number): Promise<void> {
    return passTime(this.#clock, ms);
  }

  async sizes(): Promise<string[]> {
    const lines = (await this.#registry.metrics()).matchAll(/^company_sync_changelog_size_bytes(.*)$/gm);
    return [...lines].map(([, value]) => value ?? '');
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.pass(MINUTE_MS);
    await this.#running;
  }
}

let instance: Instance;
beforeEach(() => (instance = new Instance()));
afterEach(() => instance.end());

test('each partition that runs here is measured, a new one soon, and each again after five minutes', async () => {
  await instance.pass(1);
  expect(await instance.sizes()).toEqual(['{partition="3"} 700']);
  instance.assigned.set(4, RUNNING);
  instance.answer = (partition) => Promise.resolve(partition);
  await instance.pass(10_000);
  expect(await instance.sizes()).toEqual(['{partition="3"} 700', '{partition="4"} 4']);
  expect(instance.asked).toEqual([3, 4]);
  await instance.pass(5 * MINUTE_MS);
  expect(await instance.sizes()).toEqual(['{partition="3"} 3', '{partition="4"} 4']);
});

test('a partition that has left has no value any more, and neither has one without an answer', async () => {
  instance.assigned.set(4, RUNNING);
  await instance.pass(10_000);
  instance.assigned.delete(3);
  instance.answer = () => Promise.reject(new Error('no leader'));
  await instance.pass(5 * MINUTE_MS);
  expect(await instance.sizes()).toEqual([]);
  expect(instance.warnings).toEqual(['could not get the size of the changelog']);
});

test('a missing permission is logged once', async () => {
  instance.assigned.set(4, RUNNING);
  instance.answer = () => Promise.resolve(null);
  await instance.pass(20 * MINUTE_MS);
  expect(await instance.sizes()).toEqual([]);
  expect(instance.warnings).toEqual([expect.stringContaining('grant Describe on the cluster')]);
});
