const BLOCK_BYTES = 128 * 1024;
const RLE = 1;
const KEY = 'huge-record';

/**
 * One record of zeros, compressed with zstd to 4 bytes for each 128 KiB, as the only record of a batch.
 *
 * @param bytes about how many bytes the record has
 * @param windowLog the window of the zstd frame is 2^windowLog bytes, at least 2^17
 */
export function hugeRecord(bytes: number, windowLog = 17): Buffer {
  const blocks = Math.floor(bytes / BLOCK_BYTES);
  // The last zero is the number of headers.
  const valueBytes = blocks * BLOCK_BYTES - 1;
  // The attributes, the timestamp's and the offset's difference to those of the batch, the key, the value's length.
  const fields = Buffer.concat([Buffer.alloc(3), varint(KEY.length), Buffer.from(KEY), varint(valueBytes)]);
  const start = Buffer.concat([varint(fields.length + valueBytes + 1), fields]);
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]);
  const zeros = Buffer.concat([blockHeader(BLOCK_BYTES, RLE), Buffer.alloc(1)]);
  const last = Buffer.from(zeros);
  last[0]! |= 1;
  return Buffer.concat([header, blockHeader(start.length, 0), start, ...Array<Buffer>(blocks - 1).fill(zeros), last]);
}

function blockHeader(size: number, kind: number): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (kind << 1), 0, 3);
  return header;
}

/** Zigzag. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
