/** Reads every row of the changelog, and computes their number, their sum and the positions. */
import { createHash } from 'node:crypto';
import type { Logs } from '../pipeline/ports.js';
import type { Pair } from '../store/key-value-store.js';
import { decodePositionRow } from '../store/row-codec.js';
import { isOriginKey, isPositionKey, parseRowKey } from '../store/row-keys.js';
import { withRows } from './changelog-rows-on-disk.js';

/** Figures of all rows. `rows` and `sum` do not depend on which partitions the rows are in. */
export interface Survey {
  readonly rows: number;
  /** The sum of the hashes of all rows, so that their order does not matter. */
  readonly sum: bigint;
  /** The input offset in each partition's position row; null if a partition has none. */
  readonly positions: readonly (number | null)[];
}

const SUM_BITS = 64;

/** A company has a row in a partition that its key does not lead to. */
export class MisplacedRowError extends Error {
  override readonly name = 'MisplacedRowError';
}

/** Surveys all partitions. @param mayHold whether a partition may have a company's rows @throws MisplacedRowError */
export async function surveyChangelog(
  logs: Logs,
  changelog: string,
  partitions: number,
  mayHold: (partition: number, companyId: Buffer) => boolean,
): Promise<Survey> {
  const positions: (number | null)[] = [];
  let rows = 0;
  let sum = 0n;
  for (let partition = 0; partition < partitions; partition++) {
    let position: number | null = null;
    await withRows(logs, { topic: changelog, partition }, async (pairs) => {
      for await (const pair of pairs) {
        if (isPositionKey(pair.key)) {
          position = decodePositionRow(pair.value).offset;
          continue;
        }
        if (isOriginKey(pair.key)) continue;
        const companyId = companyOf(pair.key);
        if (!mayHold(partition, companyId))
          throw new MisplacedRowError(`company ${companyId.toString()} is in ${changelog}/${partition}`);
        rows++;
        sum = BigInt.asUintN(SUM_BITS, sum + hashOf(pair));
      }
    });
    positions.push(position);
  }
  return { rows, sum, positions };
}

/** The record key of the company that a row belongs to. */
export function companyOf(key: Buffer): Buffer {
  const parsed = parseRowKey(key);
  if ('companyId' in parsed) return Buffer.from(parsed.companyId);
  throw new Error(`a ${parsed.kind} row does not belong to a company`);
}

function hashOf({ key, value }: Pair): bigint {
  const lengths = Buffer.alloc(4);
  lengths.writeUInt32LE(key.length);
  return createHash('sha256').update(lengths).update(key).update(value).digest().readBigUInt64LE();
}
