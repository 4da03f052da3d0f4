/**
 * What was found about each company in each partition of the input, as small rows of the scratch store. Only when all
 * partitions were read is it known whether a company has records in several of them. Such a company cannot be judged.
 */
import { ByteReader } from '../lib/byte-reader.js';
import { ByteWriter } from '../lib/byte-writer.js';
import { FATES, FINDING_KINDS, type Fate, type FindingKind } from './finding.js';
import type { Scratch, StoredRow } from './rows.js';

export interface Tally {
  readonly companyId: string;
  readonly partition: number;
  readonly fate: Fate;
  /** Whether the input has records of it, and not only the other topics. */
  readonly hasRecords: boolean;
  readonly announcements: number;
  readonly findings: ReadonlyMap<FindingKind, number>;
}

/** Sorts behind the rows of all partitions. */
const PREFIX = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const FATE_NAMES = Object.keys(FATES) as Fate[];
const PARTITION_BYTES = 4;

export class TallyWriter {
  readonly #bytes = new ByteWriter();

  row({ companyId, partition, fate, hasRecords, announcements, findings }: Tally): StoredRow {
    const bytes = this.#bytes;
    bytes.begin();
    bytes.bytes(PREFIX);
    bytes.text(companyId);
    const at = Buffer.alloc(PARTITION_BYTES);
    at.writeUInt32BE(partition);
    bytes.bytes(at);
    const key = bytes.end();
    bytes.begin();
    bytes.byte(FATE_NAMES.indexOf(fate));
    bytes.byte(hasRecords ? 1 : 0);
    bytes.varint(announcements);
    for (const [kind, count] of findings) {
      bytes.byte(FINDING_KINDS.indexOf(kind));
      bytes.varint(count);
    }
    return { key, value: bytes.end() };
  }
}

/** The tallies of one company after the other. */
export async function* companies(scratch: Scratch): AsyncGenerator<Tally[], void, undefined> {
  let tallies: Tally[] = [];
  for await (const pair of scratch.pairs(PREFIX)) {
    const tally = readTally(pair);
    if (tallies.length > 0 && tallies[0]?.companyId !== tally.companyId) {
      yield tallies;
      tallies = [];
    }
    tallies.push(tally);
  }
  if (tallies.length > 0) yield tallies;
}

function readTally({ key, value }: StoredRow): Tally {
  const id = new ByteReader(key.subarray(PREFIX.length), 'tally key');
  const companyId = id.text();
  const partition = id.slice(PARTITION_BYTES).readUInt32BE();
  const reader = new ByteReader(value, 'tally');
  const fate = FATE_NAMES[reader.byte()] as Fate;
  const hasRecords = reader.byte() === 1;
  const announcements = reader.varint();
  const findings = new Map<FindingKind, number>();
  while (!reader.atEnd) findings.set(FINDING_KINDS[reader.byte()] as FindingKind, reader.varint());
  return { companyId, partition, fate, hasRecords, announcements, findings };
}
