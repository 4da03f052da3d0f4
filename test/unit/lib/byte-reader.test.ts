import fc from 'fast-check';
import { ByteReader, MalformedBytesError } from '../../../src/lib/byte-reader.js';

const numbers = ['varint', 'signedVarint', 'count', 'paddedVarint', 'paddedSignedVarint'] as const;

test.each(numbers)('%s of any bytes is a safe integer, or the bytes are malformed', (method) => {
  const repeated = fc.tuple(fc.constantFrom(0x80, 0xff), fc.nat({ max: 2_000 }), fc.uint8Array({ maxLength: 12 }));
  fc.assert(
    fc.property(repeated, ([byte, times, last]) => {
      const reader = new ByteReader(Buffer.concat([Buffer.alloc(times, byte), last]), 'bytes');
      try {
        const read = reader[method]();
        expect(Number.isSafeInteger(typeof read === 'number' ? read : read.value)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedBytesError);
      }
    }),
    { examples: [[[0x80, 160, Uint8Array.of(0)]]] },
  );
});
