package companysync.peer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;

/** A row for each company, and a row for each dataset under the company's key, a zero byte and the dataset's id. */
final class RowsProcessor extends CompanyProcessor {
    RowsProcessor(Announcements announcements) {
        super(announcements);
    }

    private static byte[] rowKey(byte[] key, byte[] bytes, int from, int length) {
        byte[] row = Arrays.copyOf(key, key.length + 1 + length);
        System.arraycopy(bytes, from, row, key.length + 1, length);
        return row;
    }

    @Override
    byte[] apply(byte[] key, byte[] company, Status status) {
        byte[] rowKey = rowKey(key, status.id().bytes, status.id().from, status.id().length);
        byte[] before = store.get(rowKey);
        if (before == null) {
            store.put(rowKey,
                Dataset.create(status.status(), false, 0, status.revision(), status.offset(), status.type()));
            return null;
        }
        if (Dataset.isStale(before, 0, status.revision())) return null;
        byte[] after = before.clone();
        Dataset.setStatus(after, 0, status.status(), status.revision(), status.offset());
        store.put(rowKey, after);
        if (!Dataset.isNamed(after, 0)) return null;
        return count(key, company, before[Dataset.STATUS], status);
    }

    private byte[] count(byte[] key, byte[] company, int former, Status status) {
        byte[] counted = company;
        if (Statuses.isTerminal(former) != Statuses.isTerminal(status.status())
            || (former == Statuses.COMPLETE) != (status.status() == Statuses.COMPLETE)) {
            counted = company.clone();
            Company.count(counted, former, status.status());
            store.put(key, counted);
        }
        return status.judged() ? counted : null;
    }

    @Override
    byte[] apply(byte[] key, byte[] before, Company company, int connection, ByteReader in, long offset) {
        for (long left = blockLength(in); left > 0; left = blockLength(in))
            for (; left > 0; left--) {
                in.text();
                byte[] rowKey = rowKey(key, in.bytes, in.from, in.length);
                in.text();
                byte[] known = store.get(rowKey);
                if (known == null || !Dataset.isNamed(known, 0))
                    company.countNamed(known == null ? Statuses.QUEUED : known[Dataset.STATUS]);
                store.put(rowKey, known == null
                    ? Dataset.create(Statuses.QUEUED, true, connection, Dataset.NO_REVISION, offset, in)
                    : Dataset.named(known, connection, in));
            }
        byte[] value = company.toBytes(writer);
        store.put(key, value);
        return value;
    }

    @Override
    void takeDatasets(byte[] key, byte[] company, Announcements.Writer announcement, Company parts) {
        byte[] first = Arrays.copyOf(key, key.length + 1);
        byte[] last = first.clone();
        last[key.length] = 1;
        List<byte[]> rows = new ArrayList<>();
        try (KeyValueIterator<byte[], byte[]> datasets = store.range(first, last)) {
            while (datasets.hasNext()) {
                KeyValue<byte[], byte[]> row = datasets.next();
                rows.add(row.key);
                if (!Dataset.isNamed(row.value, 0)) continue;
                byte[] both = Arrays.copyOf(row.key, row.key.length + row.value.length);
                System.arraycopy(row.value, 0, both, row.key.length, row.value.length);
                int id = key.length + 1;
                announcement.dataset(both, id, row.key.length - id, row.key.length, both.length);
            }
        }
        rows.forEach(store::delete);
    }
}
