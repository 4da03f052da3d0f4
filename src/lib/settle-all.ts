/**
 * Like Promise.all, but throws only after every promise has settled. Nothing is then in progress, so resources may be
 * closed.
 */
export async function settleAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
