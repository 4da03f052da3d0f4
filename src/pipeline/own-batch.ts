import { UnprovedChangelogError } from '../store/examine-store.js';
import { CorruptStoreError } from '../store/key-value-store.js';
import type { PartitionStore } from '../store/partition-store.js';

/**
 * Checks that the changelog has the last batch that the store has applied itself. Call it when the changelog was
 * replayed from `store.readFrom` to its end. The commit of that batch was acknowledged. But if brokers have left it open
 * in the changelog, a take-over or an operator may have aborted it there. Then the store has rows that nobody else has.
 *
 * @param changelog such as `changelog/3`
 * @param mayDecide a write has proved the end of the changelog, or a mistake costs only a restore
 * @throws UnprovedChangelogError; if `mayDecide`, CorruptStoreError, and the store is set aside when it is closed
 */
export function mustHaveOwnBatch(changelog: string, store: PartitionStore, mayDecide: boolean): void {
  if (!store.lacksOwnBatch) return;
  const why =
    `it has the rows of a batch that ended before offset ${store.changelogPosition} of ${changelog}, but that batch was ` +
    'aborted there: brokers had left its commit open';
  if (!mayDecide) throw new UnprovedChangelogError(why);
  const corruption = new CorruptStoreError(why);
  store.distrust(corruption);
  throw corruption;
}
