package companysync.peer;

/** Reads Avro's binary encoding in place. A text stays where it is: `from` and `length` say where. */
final class ByteReader {
    final byte[] bytes;
    int at;
    /** Where the text that was read last begins, and its length in bytes. */
    int from;
    int length;

    ByteReader(byte[] bytes, int at) {
        this.bytes = bytes;
        this.at = at;
    }

    /** A zigzag varint. */
    long number() {
        long raw = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            byte next = bytes[at++];
            raw |= (long) (next & 0x7f) << shift;
            if (next >= 0) return (raw >>> 1) ^ -(raw & 1);
        }
        throw new IllegalArgumentException("a number has more than 64 bits");
    }

    void text() {
        length = Math.toIntExact(number());
        if (length < 0 || length > bytes.length - at) throw new IllegalArgumentException("a text ends after the value");
        from = at;
        at += length;
    }

    boolean flag() {
        return bytes[at++] != 0;
    }
}
