/** Anyone may register schemas and write records with them, so few of their readers are kept. */
import { AvroReader } from '../../../src/avro/avro-reader.js';
import { MAX_READER_CHARACTERS, ReadersById } from '../../../src/decode/readers-by-id.js';
import { schemaSource } from '../../../testkit/schema-source.js';

const FIELDS = [{ name: 'a', type: 'string' }];
/** A schema as long as a quarter of the limit. */
const doc = 'x'.repeat(MAX_READER_CHARACTERS / 4 - 200);

test('the most recently used readers are kept, up to a number of characters of their schemas', async () => {
  const asked: number[] = [];
  const schemaById = (id: number) => {
    asked.push(id);
    return Promise.resolve(id > 900 ? null : { type: 'record', name: 'R', doc: `${id} ${doc}`, fields: FIELDS });
  };
  const readers = new ReadersById(
    schemaSource(schemaById),
    new AvroReader({ type: 'record', name: 'R', fields: FIELDS }),
    {
      name: 'test',
    },
  );
  for (let id = 1; id <= 4; id++)
    expect((await readers.of(id))?.read(Buffer.from([0, 0, 0, 0, id, 2, 0x61]))).toEqual({ a: 'a' });
  for (let id = 1; id <= 4; id++) await readers.of(id);
  expect(asked).toEqual([1, 2, 3, 4]);
  await readers.of(1);
  await readers.of(5);
  for (const id of [1, 3, 4, 5]) await readers.of(id);
  expect(asked).toEqual([1, 2, 3, 4, 5]);
  await readers.of(2);
  expect(asked).toEqual([1, 2, 3, 4, 5, 2]);
  expect(await readers.of(901)).toBeNull();
});
