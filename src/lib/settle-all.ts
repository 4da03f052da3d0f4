/**
 * Like Promise.all, but an error is thrown only after every promise has settled: what was in flight is over, so that
 * its resources may be closed.
 */
export async function settleAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
