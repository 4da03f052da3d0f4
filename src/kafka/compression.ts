/** Decompresses the records of a record batch, as any Kafka client may have compressed them. */
import { gunzipSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import { uncompress as decompressRawSnappy } from 'snappyjs';
import { BrokerError } from '../pipeline/errors.js';
import { decompressLz4Frame } from './lz4-frame.js';

/**
 * The most that one batch may hold decompressed. Far above what a sane producer writes (a batch is about 1 MiB), far
 * below what a crafted batch of a few kilobytes could make this process allocate.
 */
export const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;

/** The codecs by their number in a batch's attributes; 0 is none. */
const CODECS: Readonly<Record<number, Codec>> = {
  1: { name: 'gzip', decompress: (bytes, max) => gunzipSync(bytes, { maxOutputLength: max }) },
  2: { name: 'snappy', decompress: decompressSnappy },
  3: { name: 'lz4', decompress: decompressLz4Frame },
  4: { name: 'zstd', decompress: decompressZstd },
};

interface Codec {
  readonly name: string;
  /** @throws where the bytes are broken, or more than `maxBytes` would come out */
  readonly decompress: (bytes: Buffer, maxBytes: number) => Buffer;
}

/**
 * @param codec the number in the attributes of the batch, not 0
 * @throws BrokerError for an unknown codec, for broken bytes and for more than `maxBytes`
 */
export function decompress(codec: number, bytes: Buffer, maxBytes = MAX_DECOMPRESSED_BYTES): Buffer {
  const known = CODECS[codec];
  if (known === undefined) throw new BrokerError(`records are compressed with codec ${codec}, which is not known`);
  try {
    return known.decompress(bytes, maxBytes);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerError(
      `${bytes.length} bytes of ${known.name} cannot be decompressed within ${maxBytes} bytes: ${why}`,
      { cause },
    );
  }
}

/** How Java clients begin: snappy-java's magic (also called xerial), then its version and the oldest compatible one. */
const SNAPPY_JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const SNAPPY_JAVA_HEADER_BYTES = 16;

/** Raw snappy (librdkafka), or snappy-java's blocks, each with its length before it. */
function decompressSnappy(bytes: Buffer, maxBytes: number): Buffer {
  if (!bytes.subarray(0, SNAPPY_JAVA_MAGIC.length).equals(SNAPPY_JAVA_MAGIC))
    return decompressRawSnappy(bytes, maxBytes);
  const blocks: Buffer[] = [];
  let left = maxBytes;
  for (let at = SNAPPY_JAVA_HEADER_BYTES; at < bytes.length;) {
    const end = at + 4 + bytes.readInt32BE(at);
    if (end <= at + 4 || end > bytes.length) throw new RangeError('a snappy block that is empty or cut off');
    const block = decompressRawSnappy(bytes.subarray(at + 4, end), left);
    blocks.push(block);
    left -= block.length;
    at = end;
  }
  return Buffer.concat(blocks);
}

/** Block by block, since a frame need not say how much it holds, and a block of 4 bytes may hold 128 KiB. */
function decompressZstd(bytes: Buffer, maxBytes: number): Buffer {
  const blocks: Uint8Array[] = [];
  let length = 0;
  const stream = new Decompress((block) => {
    length += block.length;
    if (length > maxBytes) throw new RangeError('it holds more');
    blocks.push(block);
  });
  stream.push(bytes, true);
  return Buffer.concat(blocks, length);
}
