package companysync.peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes Avro's binary encoding, and fields of fixed size, into a buffer that grows. */
final class ByteWriter {
    private byte[] bytes = new byte[1024];
    private int at;

    void clear() {
        at = 0;
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes, at);
    }

    /** A zigzag varint. */
    ByteWriter number(long value) {
        reserve(10);
        long raw = (value << 1) ^ (value >> 63);
        while ((raw & ~0x7fL) != 0) {
            bytes[at++] = (byte) (raw | 0x80);
            raw >>>= 7;
        }
        bytes[at++] = (byte) raw;
        return this;
    }

    ByteWriter text(byte[] source, int from, int length) {
        number(length);
        return raw(source, from, length);
    }

    ByteWriter text(String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        return text(encoded, 0, encoded.length);
    }

    ByteWriter raw(byte[] source, int from, int length) {
        reserve(length);
        System.arraycopy(source, from, bytes, at, length);
        at += length;
        return this;
    }

    ByteWriter oneByte(int value) {
        reserve(1);
        bytes[at++] = (byte) value;
        return this;
    }

    ByteWriter twoBytes(int value) {
        return oneByte(value >>> 8).oneByte(value);
    }

    ByteWriter fourBytes(int value) {
        return twoBytes(value >>> 16).twoBytes(value);
    }

    ByteWriter eightBytes(long value) {
        return fourBytes((int) (value >>> 32)).fourBytes((int) value);
    }

    private void reserve(int more) {
        if (at + more > bytes.length) bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, at + more));
    }
}
