import { gzipSync } from 'node:zlib';
import { decompress, decompressAside, memoryOf, workOf } from '../../../src/kafka/protocol/compression.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget } from '../target.js';
import { lz4Stored, snappyLiteral, zstdStored } from './record-batches.js';

const MAX_BYTES = 2 * MIB;
const LEAST_BYTES = 100;

/** A byte for the codec and the limit, then compressed bytes. */
export const compression: FuzzTarget = {
  name: 'compression',
  input: 'the compressed bytes of a batch: gzip, snappy, LZ4, zstd',
  mayThrow: [],
  maxMs: 400,
  // Twice the limit of the output, in two ways of decompressing, and the work memory of a codec.
  maxBytes: { fixed: 32 * MIB, perByte: 2_000 },
  maxInputBytes: 8 * 1024,
  tokens: [Buffer.from([0x04, 0x22, 0x4d, 0x18]), Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.from([0x1f, 0x8b])],
  samples: () => {
    const text = Buffer.from('the same words, the same words, the same words');
    const codec = (number: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.of(number), bytes]);
    return samplesOf({
      gzip: codec(1, gzipSync(text)),
      snappy: codec(2, snappyLiteral(text)),
      lz4: codec(3, lz4Stored(text)),
      zstd: codec(4, zstdStored(text)),
      'gzip-too-much': codec(1 + 8, gzipSync(Buffer.alloc(5_000))),
    });
  },
  open: () => ({ run }),
};

async function run(input: Buffer): Promise<void> {
  const codec = (input[0] ?? 0) & 7;
  const maxBytes = ((input[0] ?? 0) & 8) === 0 ? MAX_BYTES : LEAST_BYTES;
  const bytes = input.subarray(1);
  const atOnce = await outcome(() => decompress(codec, bytes, maxBytes));
  const inPieces = await outcome(() => aside(codec, bytes, maxBytes));
  await outcome(() => workOf(codec, bytes, maxBytes));
  if (Buffer.isBuffer(atOnce) && atOnce.length > maxBytes)
    throw new ContradictionError(`${atOnce.length} bytes, more than ${maxBytes}`);
  // Bytes that are damaged and too many may be refused for either reason.
  const isSame =
    Buffer.isBuffer(atOnce) && Buffer.isBuffer(inPieces) ? atOnce.equals(inPieces) : isRefused(atOnce, inPieces);
  if (!isSame) throw new ContradictionError(`at once: ${describe(atOnce)}, aside: ${describe(inPieces)}`);
}

async function aside(codec: number, bytes: Buffer, maxBytes: number): Promise<Buffer> {
  const limits = { maxBytes, maxAtOnce: maxBytes };
  memoryOf(codec, bytes, limits);
  const pieces: Buffer[] = [];
  for await (const piece of decompressAside(codec, bytes, limits)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const EXPECTED = ['DecompressionError', 'TooManyBytesError'];

/** The result, or the name of the error. */
async function outcome(use: () => unknown): Promise<unknown> {
  try {
    return await use();
  } catch (error) {
    if (!EXPECTED.includes((error as Error).name)) throw error;
    return (error as Error).name;
  }
}

function isRefused(...results: readonly unknown[]): boolean {
  return !results.some((result) => Buffer.isBuffer(result));
}

function describe(result: unknown): string {
  return Buffer.isBuffer(result) ? `${result.length} bytes` : String(result);
}
