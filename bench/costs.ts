/**
 * Measures the time and memory behind limits that comments give as counts: `npm run bench:costs`. It needs no broker.
 * Each time is the median of several runs. Memory counts only objects that are still in use.
 */
import { randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import kafkajsCrc32c from 'kafkajs/src/protocol/recordBatch/crc32C/crc32C.js';
import { AvroReader } from '../src/avro/avro-reader.js';
import { MAX_KEPT_ITEMS, MAX_PARTS, PARTS_WITHOUT_BYTES } from '../src/avro/checked-tap.js';
import { FRAME_BYTES } from '../src/avro/framing.js';
import { MAX_SCHEMA_PARTS, parseSchema } from '../src/avro/parse-schema.js';
import { Denial, MAX_REMEMBERED_IDS } from '../src/decode/schema-denials.js';
import { CompanyRows } from '../src/domain/company-rows.js';
import { NEW_COMPANY } from '../src/domain/pending-company.js';
import { crc32c } from '@node-rs/crc32';
import { exceededJsonLimit } from '../src/lib/json-limits.js';
import { MemberProofs, REMEMBERED_PROOFS } from '../src/ops/member-proof.js';
import { MAX_ADDRESSES, WrongTokens } from '../src/ops/wrong-tokens.js';
import { MAX_ANSWER_BYTES } from '../src/registry/registry-answers.js';
import { describeMachine, median, thousands } from './lib/figures.js';

const RUNS = 9;
const MAX_MADE = 100_000;
const MB = 1_000_000;
/** `{"    0":0},` */
const BYTES_OF_OBJECT = 13;
const CLOCK = { now: () => 0 };

function timeMs(work: () => unknown): number {
  const times = Array.from({ length: RUNS }, () => {
    const begunAt = performance.now();
    work();
    return performance.now() - begunAt;
  });
  return median(times);
}

/** Bytes of the objects that are in use. @throws Error if Node runs without `--expose-gc`, which `npm run` sets */
function heapInUse(): number {
  if (globalThis.gc === undefined) throw new Error('start it with `npm run bench:costs`, which gives Node --expose-gc');
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Bytes that each call of `make` leaves in use. `make` is called so often that other garbage does not matter. */
function bytesOfEach(count: number, make: () => unknown): number {
  make(); // Objects that only the first call creates do not count.
  const times = Math.ceil(MAX_MADE / count);
  const before = heapInUse();
  const made = Array.from({ length: times }, make);
  const bytes = (heapInUse() - before) / count / times;
  if (made.length === 0) throw new Error('nothing was made');
  return bytes;
}

function print(what: string, figure: string): void {
  console.log(`${what.padEnd(72)} ${figure}`);
}

function inMs(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

function record(types: readonly unknown[], name = 'R'): object {
  return { type: 'record', name, fields: types.map((type, i) => ({ name: `f${i}`, type })) };
}

/** The value of `record([array])`: a list of this many items, each of `itemBytes` zero bytes. */
function listOf(count: number, itemBytes: number): Buffer {
  const length: number[] = [];
  for (let rest = count * 2; ; rest = Math.floor(rest / 128)) {
    length.push(rest >= 128 ? (rest % 128) + 128 : rest);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.alloc(FRAME_BYTES), Buffer.from(length), Buffer.alloc(count * itemBytes + 1)]);
}

console.log(describeMachine());

const largest = record(Array.from({ length: MAX_SCHEMA_PARTS / 2 - 1 }, () => 'string'));
print(`parsing a schema of ${thousands(MAX_SCHEMA_PARTS)} parts`, inMs(timeMs(() => parseSchema(largest))));

/** Of all JSON, objects with different keys take the most time for their length. */
const otherKeys = Array.from({ length: MAX_ANSWER_BYTES / BYTES_OF_OBJECT }, (_, i) => ({
  [String(i).padStart(5)]: 0,
}));
const costliest = JSON.stringify({ ...largest, default: otherKeys });
const readAnswer = () => {
  if (exceededJsonLimit(costliest) !== null) throw new Error('the schema is beyond the limits');
  const schema = JSON.parse(costliest) as object;
  JSON.stringify(schema);
  return parseSchema(schema);
};
print(`reading a schema of ${thousands(costliest.length)} characters, all keys different`, inMs(timeMs(readAnswer)));

const nulls = record([{ type: 'array', items: 'null' }]);
const ofNulls = new AvroReader(nulls).of(nulls);
const nullList = listOf(PARTS_WITHOUT_BYTES - 1, 0);
print(`reading ${thousands(PARTS_WITHOUT_BYTES)} items without bytes`, inMs(timeMs(() => ofNulls.read(nullList))));

const empties = record([{ type: 'array', items: record([], 'Empty') }]);
const skipsEmpties = new AvroReader(record([])).of(empties);
/** Zero bytes after a list end it. They give the value the length that so many items need. */
const emptyList = Buffer.concat([listOf(MAX_PARTS / 2 - 1, 0), Buffer.alloc(MAX_PARTS)]);
const refusalOf = () => {
  try {
    skipsEmpties.read(emptyList);
  } catch (error) {
    if ((error as Error).message.includes('left over')) return; // The zero bytes at the end.
    throw error;
  }
};
print(`skipping ${thousands(MAX_PARTS / 2)} empty records`, inMs(timeMs(refusalOf)));

const texts = record([{ type: 'array', items: 'string' }]);
const textList = listOf(MAX_KEPT_ITEMS, 1);
const ofTexts = new AvroReader(texts).of(texts);
const lists = record([{ type: 'array', items: record(['string'], 'Item') }]);
const ofRecords = new AvroReader(lists).of(lists);
const keeps = (reader: { read(bytes: Buffer): unknown }) => bytesOfEach(MAX_KEPT_ITEMS, () => reader.read(textList));
print('an item that is kept, a text of no characters', `${keeps(ofTexts).toFixed(0)} bytes`);
print('an item that is kept, a record of one such text', `${keeps(ofRecords).toFixed(0)} bytes`);

const compiled = record(Array.from({ length: 1_000 }, () => ['null', 'string']));
const characters = JSON.stringify(compiled).length;
const compile = () => new AvroReader(compiled).of(compiled);
print(
  'a compiled schema of 1,000 optional texts with short names',
  `${bytesOfEach(characters, compile).toFixed(0)} bytes a character`,
);

const denials = () => new Map(Array.from({ length: MAX_REMEMBERED_IDS }, (_, id) => [id, new Denial(id)]));
print('a schema id that was denied', `${bytesOfEach(MAX_REMEMBERED_IDS, denials).toFixed(0)} bytes`);

const tokens = (): WrongTokens => {
  const counts = new WrongTokens(CLOCK);
  for (let i = 0; i < MAX_ADDRESSES; i++) counts.note(`10.0.${i >> 8}.${i & 255}`);
  return counts;
};
print('an address with wrong tokens', `${bytesOfEach(MAX_ADDRESSES, tokens).toFixed(0)} bytes`);

const asked = { method: 'GET', address: 'http://127.0.0.1:8080', target: '/partitions' };
const proofs = (): MemberProofs => {
  const known = new MemberProofs(['a token'], CLOCK);
  for (let i = 0; i < REMEMBERED_PROOFS; i++) known.judge(known.of(asked) ?? '', asked);
  return known;
};
print('a proof that was used', `${bytesOfEach(REMEMBERED_PROOFS, proofs).toFixed(0)} bytes`);

const COMPANIES = 1_000;
const DATASETS = 20;
/** A UUID as one flat string, as decoding gives it. `randomUUID` returns a string that consists of several parts. */
const newId = () => Buffer.from(randomUUID()).toString('latin1');
const company = (): CompanyRows => {
  const rows = new CompanyRows(newId());
  rows.loadCompany({ ...NEW_COMPANY, named: DATASETS });
  for (let i = 0; i < DATASETS; i++) {
    const place = { link: 0, connection: 0, dataType: 'bankTransactions' };
    const at = { revision: i, offset: 1_000_000 + i, timestamp: 1_700_000_000_000 + i };
    rows.loadDataset(newId(), { place, status: 'Complete', ...at });
  }
  return rows;
};
const companies = () => new Map(Array.from({ length: COMPANIES }, (_, i) => [`company-${i}`, company()]));
print(
  `a cached company of ${DATASETS} datasets; what it counts`,
  `${thousands(bytesOfEach(COMPANIES, companies))} bytes; ${thousands(company().bytes)}`,
);

const bytes = Buffer.alloc(MB, Array.from({ length: 1_000 }, () => randomUUID()).join('","status":"Complete",'));
const crcMs = timeMs(() => crc32c(bytes));
const theirsMs = timeMs(() => kafkajsCrc32c(bytes));
print('CRC-32C of 1 MB; by kafkajs', `${inMs(crcMs)}; ${inMs(theirsMs)}`);
const packed = gzipSync(bytes);
print('gzip of 1 MB; opening it', `${inMs(timeMs(() => gzipSync(bytes)))}; ${inMs(timeMs(() => gunzipSync(packed)))}`);
