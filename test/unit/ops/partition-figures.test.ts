import { SCHEMAS } from '../../../src/ops/api-schemas.js';
import { PartitionFigures } from '../../../src/ops/partition-figures.js';

test('a lag that is no longer known is not shown, until the brokers report it again', () => {
  const figures = new PartitionFigures(() => 0);
  figures.batch(3, { records: 10, position: 15, lag: 5 } as Parameters<PartitionFigures['batch']>[1]);
  expect(figures.of(3)).toMatchObject({ position: 15, lag: 5, stale: false });
  figures.lag(3, null);
  expect(figures.of(3)).toMatchObject({ position: 15, lag: null, stale: true });
  figures.lag(3, 7);
  expect(figures.of(3)).toMatchObject({ lag: 7, stale: false });
});

test('the figures of a restore are answered as the OpenAPI document says', () => {
  const figures = new PartitionFigures(() => 0);
  const restore = { position: 30, start: 10, end: 50, records: 12, bytes: 900, remainingMs: null };
  figures.restore(3, restore);
  expect(figures.of(3)).toMatchObject({ restoredPercent: 50, restore });
  const view = { partition: 3, state: 'restoring', reason: null, ...figures.of(3) };
  expect(SCHEMAS.partitions.safeParse({ partitions: [view] }).error?.issues).toBeUndefined();
  figures.state(3, { state: 'running', reason: null });
  expect(figures.of(3)).toMatchObject({ restoredPercent: null });
  expect(figures.of(3)).not.toHaveProperty('restore');
});

test('the bytes of folders that were set aside count for the instance and for no partition', () => {
  const figures = new PartitionFigures(() => 0);
  figures.diskUse([
    { partition: 3, bytes: 100 },
    { partition: null, bytes: 20 },
  ]);
  expect(figures.stateBytes).toBe(120);
  expect(figures.of(3)).toMatchObject({ position: null, stateBytes: 100 });
});
