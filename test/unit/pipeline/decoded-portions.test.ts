/** What a partition reports while records wait for their schemas. */
import type { SchemaWait } from '../../../src/decode/batch-decoding.js';
import type { Decoded } from '../../../src/decode/bad-record.js';
import { UnconfirmedSchemasError } from '../../../src/decode/registry-brake.js';
import { RegistryUnavailableError } from '../../../src/decode/schema-source.js';
import { DecodedPortions } from '../../../src/pipeline/decoded-portions.js';
import type { PartitionStatus, PipelineObserver } from '../../../src/pipeline/observer.js';
import { recordOf } from '../decode/sync-events.js';
import { SteppedClock } from '../../support/clocks.js';

const RUNNING: PartitionStatus = { state: 'running', reason: null };
const one = { code: 'bad-framing' } as Decoded;
const { signal } = new AbortController();

type Step = (onWait: (wait: SchemaWait) => void) => number;

/** Decodes six records; each of `steps` says how many are decoded, or throws. */
function portionsOf(...steps: Step[]) {
  const clock = new SteppedClock();
  const entered: PartitionStatus[] = [];
  let waitedMs = 0;
  const observer = { waitedForSchemas: (_: number, ms: number) => (waitedMs += ms) } as Partial<PipelineObserver>;
  const decode = () => ({
    next: async (_: AbortSignal, onWait: (wait: SchemaWait) => void = () => undefined) => {
      await clock.delay(1_000);
      return new Array<Decoded>((steps.shift() as Step)(onWait)).fill(one);
    },
  });
  const records = Array.from({ length: 6 }, (_, i) => recordOf({ offset: 100 + 10 * i }));
  const batch = { records, nextOffset: 199, endOffset: 500, leaderEpoch: 1 };
  const status = { enter: (entering: PartitionStatus) => void entered.push(entering), running: () => RUNNING };
  const context = { clock, decode, observer: observer as PipelineObserver };
  const portions = new DecodedPortions(context, 3, batch, status);
  return { portions, entered, clock, waitedMs: () => waitedMs };
}

test('the records of a portion come with the offset after them', async () => {
  const { portions, entered } = portionsOf(
    () => 2,
    () => 4,
  );
  expect(await portions.next(signal)).toMatchObject({ records: [{ offset: 100 }, { offset: 110 }], nextOffset: 120 });
  expect(portions.isDone).toBe(false);
  expect(await portions.next(signal)).toMatchObject({ nextOffset: 199, endOffset: 500, decoded: [one, one, one, one] });
  expect(portions.isDone).toBe(true);
  expect(entered).toEqual([]);
});

test('a partition that waits until ids are unknown runs, with the id and the offset, and the time is counted', async () => {
  const { portions, entered, waitedMs } = portionsOf(
    () => 2,
    (onWait) => {
      onWait({ id: 77, count: 3, position: 2 });
      onWait({ id: 77, count: 3, position: 2 });
      return 4;
    },
  );
  await portions.next(signal);
  expect(waitedMs()).toBe(0);
  await portions.next(signal);
  const reason = expect.stringMatching(/^waiting until schema id 77 of offset 120, and 2 later ids is/) as string;
  expect(entered).toEqual([{ state: 'running', reason }, RUNNING]);
  expect(waitedMs()).toBe(1_000);
});

test.each([
  [new RegistryUnavailableError('429', { retryAfterMs: 30_000 }), 'waiting-for-registry', 30_000],
  [new UnconfirmedSchemasError('suspect'), 'waiting-for-confirmation', 50],
] as const)(
  'after "%s", the partition waits until a record is decoded, for as long as the registry asks',
  async (error, state, pauseMs) => {
    const { portions, entered, clock } = portionsOf(
      () => {
        throw error;
      },
      (onWait) => {
        onWait({ id: 77, count: 1, position: 0 });
        return 6;
      },
    );
    expect((await portions.next(signal))?.decoded).toHaveLength(6);
    expect(entered).toEqual([{ state, reason: error.message }, RUNNING]);
    expect(clock.delaysMs).toEqual([1_000, pauseMs, 1_000]);
  },
);
