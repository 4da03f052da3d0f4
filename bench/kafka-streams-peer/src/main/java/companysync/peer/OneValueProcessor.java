package companysync.peer;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** One value for each company: its own part, then for each dataset the two lengths, the id and the dataset. */
final class OneValueProcessor extends CompanyProcessor {
    private static final int LENGTHS = 4;

    OneValueProcessor(Announcements announcements) {
        super(announcements);
    }

    /** A position in a value: of the dataset's bytes, and of the next dataset. */
    private static final class Cursor {
        int id;
        int idLength;
        int dataset;
        int end;

        void read(byte[] value, int at) {
            ByteBuffer buffer = ByteBuffer.wrap(value);
            idLength = buffer.getShort(at);
            id = at + LENGTHS;
            dataset = id + idLength;
            end = dataset + buffer.getShort(at + 2);
        }
    }

    private final Cursor cursor = new Cursor();

    private boolean find(byte[] value, byte[] bytes, int from, int length) {
        for (int at = Company.end(value); at < value.length; at = cursor.end) {
            cursor.read(value, at);
            if (cursor.idLength != length) continue;
            if (Arrays.equals(value, cursor.id, cursor.dataset, bytes, from, from + length)) return true;
        }
        return false;
    }

    @Override
    byte[] apply(byte[] key, byte[] company, Status status) {
        byte[] before = company == null ? new Company().toBytes(writer) : company;
        ByteReader id = status.id();
        if (!find(before, id.bytes, id.from, id.length)) {
            byte[] early =
                Dataset.create(status.status(), false, 0, status.revision(), status.offset(), status.type());
            store.put(key, append(before, id.bytes, id.from, id.length, early));
            return null;
        }
        if (Dataset.isStale(before, cursor.dataset, status.revision())) return null;
        byte[] after = before.clone();
        int former = after[cursor.dataset + Dataset.STATUS];
        Dataset.setStatus(after, cursor.dataset, status.status(), status.revision(), status.offset());
        boolean named = Dataset.isNamed(after, cursor.dataset);
        if (named) Company.count(after, former, status.status());
        store.put(key, after);
        return named && status.judged() ? after : null;
    }

    private byte[] append(byte[] value, byte[] bytes, int from, int length, byte[] dataset) {
        writer.clear();
        writer.raw(value, 0, value.length).twoBytes(length).twoBytes(dataset.length);
        return writer.raw(bytes, from, length).raw(dataset, 0, dataset.length).toBytes();
    }

    @Override
    byte[] apply(byte[] key, byte[] before, Company company, int connection, ByteReader in, long offset) {
        ByteWriter rest = new ByteWriter();
        byte[] known = before == null ? company.toBytes(writer) : before;
        java.util.Set<ByteBuffer> renamed = new java.util.HashSet<>();
        for (long left = blockLength(in); left > 0; left = blockLength(in))
            for (; left > 0; left--) {
                in.text();
                int from = in.from;
                int length = in.length;
                in.text();
                if (!renamed.add(ByteBuffer.wrap(in.bytes, from, length))) continue;
                byte[] dataset = name(company, known, in, from, length, connection, offset);
                rest.twoBytes(length).twoBytes(dataset.length);
                rest.raw(in.bytes, from, length).raw(dataset, 0, dataset.length);
            }
        for (int at = Company.end(known); at < known.length; at = cursor.end) {
            cursor.read(known, at);
            if (!renamed.contains(ByteBuffer.wrap(known, cursor.id, cursor.idLength)))
                rest.raw(known, at, cursor.end - at);
        }
        byte[] own = company.toBytes(writer);
        byte[] datasets = rest.toBytes();
        byte[] value = Arrays.copyOf(own, own.length + datasets.length);
        System.arraycopy(datasets, 0, value, own.length, datasets.length);
        store.put(key, value);
        return value;
    }

    private byte[] name(Company company, byte[] known, ByteReader type, int from, int length, int link, long offset) {
        if (!find(known, type.bytes, from, length)) {
            company.countNamed(Statuses.QUEUED);
            return Dataset.create(Statuses.QUEUED, true, link, Dataset.NO_REVISION, offset, type);
        }
        if (!Dataset.isNamed(known, cursor.dataset)) company.countNamed(known[cursor.dataset + Dataset.STATUS]);
        return Dataset.named(Arrays.copyOfRange(known, cursor.dataset, cursor.end), link, type);
    }

    @Override
    void takeDatasets(byte[] key, byte[] company, Announcements.Writer announcement, Company parts) {
        for (int at = Company.end(company); at < company.length; at = cursor.end) {
            cursor.read(company, at);
            if (!Dataset.isNamed(company, cursor.dataset)) continue;
            announcement.dataset(company, cursor.id, cursor.idLength, cursor.dataset, cursor.end);
        }
    }
}
