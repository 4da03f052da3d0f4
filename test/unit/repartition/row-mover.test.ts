import { RowMover } from '../../../src/repartition/row-mover.js';
import { FIRST_VOCABULARY, VOCABULARY } from '../../../src/domain/statuses.js';
import type { RecordToWrite } from '../../../src/lib/record.js';
import type { TransactionalProducer } from '../../../src/pipeline/ports.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { decodePositionRow, writePositionRow } from '../../../src/store/row-codec.js';
import { POSITION_KEY } from '../../../src/store/row-keys.js';

test('a partition that was counted under all words is counted again after companies were moved to it', async () => {
  const written: RecordToWrite[] = [];
  const produce: TransactionalProducer['produce'] = (_to, records) => {
    written.push(...records);
    return Promise.resolve(written.length);
  };
  const to = new ByteWriter();
  to.begin();
  writePositionRow(to, { topic: 'input', offset: 300, countedUnder: VOCABULARY });
  const mover = new RowMover({ produce } as TransactionalProducer, 'changelog', 1, 4);
  await mover.take({ key: POSITION_KEY, value: to.end() });
  await mover.finish('input', 0);
  expect(written.map(({ value }) => decodePositionRow(value as Buffer))).toEqual([
    { topic: 'input', offset: 300, countedUnder: FIRST_VOCABULARY },
  ]);
});
