/** Checks, before the input grows, that nobody has written to it since everything was consumed. */
import { boundsOrRefusal, consumeTheRest, RepartitionRefusedError } from './before-fencing.js';
import { putBack, readMarks, type FirstCount, type MarkPorts } from './marks.js';
import type { CheckingPorts } from './ports.js';

/**
 * Before the input grows, records can still be consumed. So if there are any, nothing stays marked.
 * @throws RepartitionRefusedError
 */
export async function consumedOrPutBack(ports: CheckingPorts & MarkPorts, { consumed }: FirstCount): Promise<void> {
  const unread = await findUnread(ports, consumed);
  if (unread === null) return;
  await putBack(ports, await readMarks(ports, consumed.length));
  throw new RepartitionRefusedError(
    `partition ${ports.input}/${unread.partition} is consumed up to ${unread.consumed} and ends at ${unread.end}. The input ` +
      `has not grown and nothing was moved, so the group's offsets were put back: ${consumeTheRest(ports.input)}`,
  );
}

/**
 * Returns what `check` returns. If `check` refuses and the input is still to grow, nothing has moved, so nothing stays
 * marked.
 *
 * @param growth the new number of partitions of the input, and the present one
 */
export async function orPutBack<T>(
  ports: MarkPorts,
  { to, present }: { readonly to: number; readonly present: number },
  check: Promise<T>,
): Promise<T> {
  try {
    return await check;
  } catch (error) {
    if (error instanceof RepartitionRefusedError && present < to) await putBack(ports, await readMarks(ports, present));
    throw error;
  }
}

/** Records of old partitions that were written after all of the input was consumed. */
interface Unread {
  readonly partition: number;
  readonly consumed: number;
  readonly end: number;
}

/**
 * Finds an old partition of the input that was written to since it was consumed. Records of an open transaction count.
 *
 * @param consumed where each old partition ended when everything was consumed
 */
async function findUnread({ logs, input: topic }: CheckingPorts, consumed: readonly number[]): Promise<Unread | null> {
  for (const [partition, before] of consumed.entries()) {
    const { highWatermark: end } = await boundsOrRefusal(logs, { topic, partition });
    if (end !== before) return { partition, consumed: before, end };
  }
  return null;
}
