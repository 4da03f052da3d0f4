import { Registry } from 'prom-client';
import { MetricsObserver } from '../../../src/ops/metrics-observer.js';

test('a partition that was closed has no lag, nothing to restore and no state: its next owner tells of it', async () => {
  const registry = new Registry();
  const observer = new MetricsObserver(registry);
  for (const partition of [1, 2]) {
    observer.restore(partition, { position: 3, start: 0, end: 10, records: 3 });
    observer.batch(partition, { records: 1, announced: 0, changes: 0, durationMs: 1, position: 1, lag: 5 });
  }
  observer.state(1, { state: 'closed', reason: null });
  const told = await registry.metrics();
  for (const gauge of ['lag_records', 'restore_remaining_records', 'partition_state'])
    expect(told).not.toContain(`company_sync_${gauge}{partition="1"`);
  expect(told).toContain('company_sync_lag_records{partition="2"} 5');
  expect(told).toContain('company_sync_restore_remaining_records{partition="2"} 7');
});
