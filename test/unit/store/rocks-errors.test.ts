import { CorruptStoreError, StoreUnavailableError } from '../../../src/store/key-value-store.js';
import { storeErrorOf } from '../../../src/store/rocks-errors.js';

const SST = '/state/partition-0/000008.sst';
const MANIFEST = '/state/partition-0/MANIFEST-000010';

test.each([
  'CURRENT file does not end with newline',
  `While opening a file for sequentially reading: ${MANIFEST}: No such file or directory`,
  `no log_file_number entry in MANIFEST  The file ${MANIFEST} may be corrupted.`,
  `Corruption: IO error: No such file or directory: While open a file for random read: ${SST}: No such file or directory`,
  `Sst file size mismatch between expected 65351 and file system 0 sstable: ${SST}`,
  `Bad table magic number: expected 1, found 2 in ${SST}`,
  `block checksum mismatch: stored = 1, computed = 2, type = 4  in ${SST} offset 0 size 4067`,
  'While creating a new Db, wal_dir contains existing log file: : 000009.log',
])('corrupt: %s', (message) => {
  expect(storeErrorOf('cannot open', new Error(message))).toBeInstanceOf(CorruptStoreError);
});

test.each([
  `While open a file for random read: ${SST}: Structure needs cleaning`,
  `Corruption: IO error: While open a file for random read: ${SST}: Structure needs cleaning  The file ${MANIFEST} may be corrupted.`,
  `While appending to file: ${SST}: No space left on device`,
  `While pread offset 0 len 53: ${SST}: Input/output error`,
  'While mkdir if missing: /state/partition-0: No such file or directory',
  'something that no version of RocksDB has said before',
])('unavailable: %s', (message) => {
  expect(storeErrorOf('cannot open', new Error(message))).toBeInstanceOf(StoreUnavailableError);
});
