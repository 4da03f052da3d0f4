/**
 * CRC-32C (Castagnoli), slicing by 8 (Kounavis and Berry, 2005). It takes 0.7 to 1.3 ms for 1 MB. kafkajs's own code
 * works byte by byte and takes 2.2 ms (`npm run bench:costs`).
 */

const POLYNOMIAL = 0x82f63b78;

/** SLICES[k][b] is the remainder of byte b followed by k zero bytes. */
const SLICES = buildSlices();
const [S0, S1, S2, S3, S4, S5, S6, S7] = SLICES;

/** The checksum of bytes `from` (inclusive) to `to` (exclusive), unsigned. */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  // The caller guarantees the bounds, so every element exists. `!` costs nothing in this loop.
  let crc = -1;
  let i = from;
  for (const end = to - 7; i < end; i += 8) {
    const first = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc =
      S7[first & 0xff]! ^
      S6[(first >>> 8) & 0xff]! ^
      S5[(first >>> 16) & 0xff]! ^
      S4[first >>> 24]! ^
      S3[bytes[i + 4]!]! ^
      S2[bytes[i + 5]!]! ^
      S1[bytes[i + 6]!]! ^
      S0[bytes[i + 7]!]!;
  }
  for (; i < to; i++) crc = S0[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Slices = readonly [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

function buildSlices(): Slices {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    return crc;
  });
  const oneMoreZero = (slice: Int32Array) => slice.map((crc) => first[crc & 0xff]! ^ (crc >>> 8));
  const second = oneMoreZero(first);
  const third = oneMoreZero(second);
  const fourth = oneMoreZero(third);
  const fifth = oneMoreZero(fourth);
  const sixth = oneMoreZero(fifth);
  const seventh = oneMoreZero(sixth);
  return [first, second, third, fourth, fifth, sixth, seventh, oneMoreZero(seventh)];
}
