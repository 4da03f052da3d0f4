interface Closable {
  close(): void;
}

/**
 * Lets `use` work with a reader, and closes the reader afterwards. Aborting `signal` closes it at once, so that a read
 * in flight ends.
 * @throws what `use` throws
 */
export async function withReader<R extends Closable, T>(
  reader: R,
  use: (reader: R) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const close = (): void => reader.close();
  signal?.addEventListener('abort', close);
  if (signal?.aborted === true) close();
  try {
    return await use(reader);
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}
