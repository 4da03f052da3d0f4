import { getEventListeners } from 'node:events';
import { withReader } from '../../../src/lib/with-reader.js';

/** A reader whose one read ends only when it is closed. */
class HangingReader {
  closed = 0;
  #end: (error: Error) => void = () => undefined;
  readonly #read = new Promise<never>((_, reject) => (this.#end = reject));

  read(): Promise<never> {
    return this.#read;
  }

  close(): void {
    this.closed++;
    this.#end(new Error('closed'));
  }
}

test('the reader is closed after its use, also after one that failed', async () => {
  const readers = [new HangingReader(), new HangingReader()] as const;
  expect(await withReader(readers[0], () => Promise.resolve('result'))).toBe('result');
  await expect(withReader(readers[1], () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(readers.map(({ closed }) => closed)).toEqual([1, 1]);
  await Promise.all(readers.map((reader) => expect(reader.read()).rejects.toThrow('closed')));
});

test('an abort closes the reader, which ends a read in flight, and leaves no listener', async () => {
  const stopping = new AbortController();
  const reading = withReader(new HangingReader(), (reader) => reader.read(), stopping.signal);
  stopping.abort();
  await expect(reading).rejects.toThrow('closed');
  expect(getEventListeners(stopping.signal, 'abort')).toEqual([]);
});

test('a signal that aborted before closes the reader at once', async () => {
  const reading = withReader(new HangingReader(), (reader) => reader.read(), AbortSignal.abort());
  await expect(reading).rejects.toThrow('closed');
});
