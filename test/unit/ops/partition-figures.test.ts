import { PartitionFigures } from '../../../src/ops/partition-figures.js';

test('a lag that is not known any more is not shown, until the brokers tell it again', () => {
  const figures = new PartitionFigures(() => 0);
  figures.batch(3, { records: 10, position: 15, lag: 5 } as Parameters<PartitionFigures['batch']>[1]);
  expect(figures.of(3)).toMatchObject({ position: 15, lag: 5, stale: false });
  figures.lag(3, null);
  expect(figures.of(3)).toMatchObject({ position: 15, lag: null, stale: true });
  figures.lag(3, 7);
  expect(figures.of(3)).toMatchObject({ lag: 7, stale: false });
});
