package companysync.peer;

import java.nio.ByteBuffer;

/**
 * A dataset as bytes: status (1 byte), named by a manifest (1), index of its connection (2), revision (8; -1 is none),
 * offset that gave the status (8), then its data type to the end.
 */
final class Dataset {
    static final int STATUS = 0;
    static final int NAMED = 1;
    static final int CONNECTION = 2;
    static final int REVISION = 4;
    static final int OFFSET = 12;
    static final int TYPE = 20;
    static final long NO_REVISION = -1;

    private Dataset() {}

    static byte[] create(int status, boolean named, int connection, long revision, long offset, ByteReader type) {
        return ByteBuffer.allocate(TYPE + type.length)
            .put((byte) status)
            .put((byte) (named ? 1 : 0))
            .putShort((short) connection)
            .putLong(revision)
            .putLong(offset)
            .put(type.bytes, type.from, type.length)
            .array();
    }

    static boolean isNamed(byte[] bytes, int at) {
        return bytes[at + NAMED] == 1;
    }

    static boolean isStale(byte[] bytes, int at, long revision) {
        return revision != NO_REVISION && revision <= ByteBuffer.wrap(bytes).getLong(at + REVISION);
    }

    static void setStatus(byte[] bytes, int at, int status, long revision, long offset) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes).put(at + STATUS, (byte) status).putLong(at + OFFSET, offset);
        if (revision != NO_REVISION) buffer.putLong(at + REVISION, revision);
    }

    /** Names the dataset again: its status stays, its data type and connection are those of the latest manifest. */
    static byte[] named(byte[] before, int connection, ByteReader type) {
        ByteBuffer buffer = ByteBuffer.wrap(before);
        return create(before[STATUS], true, connection, buffer.getLong(REVISION), buffer.getLong(OFFSET), type);
    }
}
