import { DeadLetterCollector } from '../../../src/command/dead-letter-collector.js';
import { asRepairOf } from '../../../src/command/repair-attempts.js';
import { repairsOf } from '../../../src/decode/sync-event-decoder.js';
import type { Header, LogRecord } from '../../../src/lib/record.js';
import { copyOf, deadLetterOf, idOf, readDeadLetter, withoutBytes } from '../../../src/publish/dead-letter.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget } from '../target.js';

const INPUT = { topic: 'sync-events', partition: 3 };
/** Header keys that a byte stands for; others are texts. */
const KEYS = ['repairs', 'dl_code', 'dl_message', 'dl_topic', 'dl_partition', 'dl_offset', 'dl_timestamp'];
const NULL_LENGTH = 255;
const MAX_RECORDS = 8;

/**
 * Records of the dead-letter topic. Each record is a byte for its number of headers, and the headers. A header is a byte
 * for its key, a length or 255 for null, and its value.
 */
export const deadLetters: FuzzTarget = {
  name: 'dead-letters',
  input: 'records of the dead-letter topic, and `repairs` headers',
  mayThrow: [],
  maxMs: 100,
  maxBytes: { fixed: 4 * MIB, perByte: 4_000 },
  maxInputBytes: 4 * 1024,
  tokens: ['3/17', '0/0', '9007199254740993', '-1', 'undecodable', 'key-mismatch', 'sync-events', Buffer.of(255)],
  samples: () =>
    samplesOf({
      letter: encoded([letterHeaders('17')]),
      'failed-repair': encoded([letterHeaders('17'), [header('repairs', '3/17'), ...letterHeaders('18')]]),
      circle: encoded([
        [header('repairs', '3/18'), ...letterHeaders('17')],
        [header('repairs', '3/17'), ...letterHeaders('18')],
      ]),
      other: encoded([[header('repairs', null), header('x', 'y')]]),
    }),
  open: () => ({ run }),
};

function run(input: Buffer): void {
  const records = recordsIn(input);
  const collector = new DeadLetterCollector(INPUT.topic, (deadLetter) => copyOf(deadLetter));
  collector.take(records);
  const { attempts } = collector.result();
  for (const record of records) {
    const named = repairsOf(record.headers);
    asRepairOf(new Set(named), { key: record.key, value: record.value, headers: record.headers });
    const deadLetter = readDeadLetter(record);
    if (deadLetter !== null) {
      withoutBytes(deadLetter);
      attempts.recordsNamedBy(idOf(deadLetter));
      attempts.recordsThatOneRepairReplaces(idOf(deadLetter));
    }
    mustComeBack(record);
  }
}

/** A dead letter of any record, even of a dead letter, has all that the record had. */
function mustComeBack(record: LogRecord): void {
  const written = deadLetterOf(record, { code: 'undecodable', message: 'm' }, INPUT);
  const back = readDeadLetter({ ...record, ...written });
  const isSame =
    back?.offset === record.offset &&
    back.headers.length === record.headers.length &&
    back.headers.every(({ key, value }, i) => key === record.headers[i]?.key && value === record.headers[i]?.value);
  if (!isSame) throw new ContradictionError('a dead letter does not give its record back');
}

function recordsIn(input: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  let at = 0;
  while (at < input.length && records.length < MAX_RECORDS) {
    const headers: Header[] = [];
    for (let left = input[at++]!; left > 0 && at < input.length; left--) {
      const key = input[at++]!;
      const length = input[at++] ?? 0;
      const value = length === NULL_LENGTH ? null : input.subarray(at, at + length);
      at += value?.length ?? 0;
      headers.push({ key: KEYS[key] ?? String.fromCharCode(key), value });
    }
    const offset = records.length;
    records.push({ offset, timestamp: 1_000 + offset, key: Buffer.from('acme'), value: null, headers });
  }
  return records;
}

interface Written {
  readonly key: string;
  readonly value: string | null;
}

function header(key: string, value: string | null): Written {
  return { key, value };
}

function letterHeaders(offset: string): Written[] {
  const values = ['undecodable', 'why', INPUT.topic, '3', offset, '1700000000000'];
  return KEYS.slice(1).map((key, i) => header(key, values[i] ?? ''));
}

function encoded(records: readonly (readonly Written[])[]): Buffer {
  return Buffer.concat(
    records.flatMap((headers) => [
      Buffer.of(headers.length),
      ...headers.flatMap(({ key, value }) => {
        const known = KEYS.indexOf(key);
        const bytes = Buffer.from(value ?? '');
        return [
          Buffer.of(known === -1 ? key.charCodeAt(0) : known, value === null ? NULL_LENGTH : bytes.length),
          bytes,
        ];
      }),
    ]),
  );
}
