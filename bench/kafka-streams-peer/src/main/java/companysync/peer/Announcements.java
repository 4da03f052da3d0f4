package companysync.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.UUID;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/** Encodes `CompanySynchronized` and its CloudEvents headers. An instance belongs to one thread. */
final class Announcements {
    private static final UUID URL = UUID.fromString("6ba7b811-9dad-11d1-80b4-00c04fd430c8");
    private static final int ALL_DATASETS = 1;

    private final int schemaId;
    private final String applicationId;
    private final UUID namespace;
    private final Writer writer = new Writer();

    Announcements(int schemaId, String applicationId) {
        this.schemaId = schemaId;
        this.applicationId = applicationId;
        this.namespace = uuid5(URL, ("company-sync:" + applicationId).getBytes(StandardCharsets.UTF_8));
    }

    Writer begin(Record<byte[], byte[]> record, byte[] clientId, Company company) {
        writer.begin(record, clientId, company);
        return writer;
    }

    /** The announcement that is being written. */
    final class Writer {
        private final ByteWriter out = new ByteWriter();
        private final ByteWriter datasets = new ByteWriter();
        private Record<byte[], byte[]> record;
        private byte[] clientId;
        private Company company;
        private int count;
        private int succeeded;
        private int failed;

        private void begin(Record<byte[], byte[]> completing, byte[] client, Company parts) {
            record = completing;
            clientId = client;
            company = parts;
            count = succeeded = failed = 0;
            datasets.clear();
        }

        /** The id at `id`, and the bytes of the dataset from `from` to `end`. */
        void dataset(byte[] bytes, int id, int idLength, int from, int end) {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            int status = bytes[from + Dataset.STATUS];
            byte[] connection = company.connections.get(buffer.getShort(from + Dataset.CONNECTION)).id();
            byte[] word = Statuses.word(status);
            datasets.text(bytes, id, idLength);
            datasets.text(bytes, from + Dataset.TYPE, end - from - Dataset.TYPE);
            datasets.text(connection, 0, connection.length);
            datasets.text(word, 0, word.length);
            datasets.number(buffer.getLong(from + Dataset.OFFSET));
            count++;
            if (status == Statuses.COMPLETE) succeeded++;
            else if (Statuses.isFailure(status)) failed++;
        }

        Record<byte[], byte[]> end(RecordMetadata source) {
            byte[] key = record.key();
            String eventId = uuid5(namespace, key).toString();
            out.clear();
            out.oneByte(0).fourBytes(schemaId).text(eventId).text(key, 0, key.length);
            out.text(clientId, 0, clientId.length).text(company.name, 0, company.name.length);
            out.number(record.timestamp()).number(ALL_DATASETS);
            if (!company.connections.isEmpty()) out.number(company.connections.size());
            for (Company.Connection connection : company.connections) {
                out.text(connection.id(), 0, connection.id().length);
                out.text(connection.sourceType(), 0, connection.sourceType().length);
            }
            byte[] listed = datasets.toBytes();
            out.number(0).number(count).raw(listed, 0, listed.length).number(0);
            out.number(succeeded).number(failed).number(count - succeeded - failed);
            out.text(source.topic()).number(source.partition()).number(source.offset());
            return new Record<>(key, out.toBytes(), System.currentTimeMillis(), headers(eventId, key, source));
        }

        private Headers headers(String eventId, byte[] key, RecordMetadata source) {
            String origin = "/" + applicationId + "/" + source.topic() + "/" + source.partition();
            Headers headers = new RecordHeaders();
            add(headers, "ce_specversion", "1.0");
            add(headers, "ce_id", eventId);
            add(headers, "ce_type", "company.synchronized.v1");
            add(headers, "ce_source", origin);
            headers.add("ce_subject", key);
            add(headers, "ce_time", Instant.ofEpochMilli(record.timestamp()).toString());
            headers.add("ce_partitionkey", key);
            add(headers, "content-type", "application/avro");
            return headers;
        }
    }

    private static void add(Headers headers, String name, String value) {
        headers.add(name, value.getBytes(StandardCharsets.UTF_8));
    }

    private static UUID uuid5(UUID namespace, byte[] name) {
        try {
            MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
            sha1.update(ByteBuffer.allocate(16)
                .putLong(namespace.getMostSignificantBits()).putLong(namespace.getLeastSignificantBits()).array());
            ByteBuffer hash = ByteBuffer.wrap(sha1.digest(name));
            long most = (hash.getLong() & ~0xf000L) | 0x5000L;
            long least = (hash.getLong() & 0x3fffffffffffffffL) | 0x8000000000000000L;
            return new UUID(most, least);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
