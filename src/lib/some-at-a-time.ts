/**
 * Calls `work` for each item, in their order, for at most `atOnce` items at the same time.
 *
 * @throws the first error of `work`; no further item is begun after it, and the calls in progress have settled
 */
export async function someAtATime<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const workOn = async (): Promise<void> => {
    // All workers share one iterator: each takes the next item.
    for (let next = left.next(); next.done !== true && errors.length === 0; next = left.next()) {
      try {
        await work(next.value);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, workOn));
  if (errors.length > 0) throw errors[0];
}
