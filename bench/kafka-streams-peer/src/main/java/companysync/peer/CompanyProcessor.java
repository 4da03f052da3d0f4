package companysync.peer;

import java.util.Arrays;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Decides when a company's first sync is over, by ALL_DATASETS. It has the hot path alone: manifests and statuses. It
 * ends at any other event, so that a comparison on such input cannot be mistaken for one.
 */
abstract class CompanyProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String STORE = "companies";
    private static final int FRAMING = 5;
    private static final int MANIFEST = 0;
    private static final int STATUS = 1;
    private static final int REFRESH = 1;

    private final Announcements announcements;
    private ProcessorContext<byte[], byte[]> context;
    KeyValueStore<byte[], byte[]> store;
    final ByteWriter writer = new ByteWriter();

    CompanyProcessor(Announcements announcements) {
        this.announcements = announcements;
    }

    /** A status of a dataset, and where the texts of its event lie. */
    record Status(ByteReader id, ByteReader type, int status, long revision, long offset, boolean judged) {}

    /** Stores the status. @return the company's value if the status must be judged, else null */
    abstract byte[] apply(byte[] key, byte[] company, Status status);

    /** Stores the manifest's datasets and the company. @return the company's value */
    abstract byte[] apply(byte[] key, byte[] before, Company company, int connection, ByteReader datasets, long offset);

    /** Calls `announcement.dataset` for each named dataset, and forgets all datasets. */
    abstract void takeDatasets(byte[] key, byte[] company, Announcements.Writer announcement, Company parts);

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        byte[] key = record.key();
        ByteReader in = new ByteReader(record.value(), FRAMING);
        in.text();
        in.text();
        if (!Arrays.equals(key, 0, key.length, in.bytes, in.from, in.from + in.length))
            throw new IllegalArgumentException("the key is not the companyId");
        in.text();
        byte[] clientId = copy(in);
        in.number();
        byte[] company = store.get(key);
        if (company != null && Company.isAnnounced(company)) return;
        RecordMetadata source = context.recordMetadata().orElseThrow();
        int branch = (int) in.number();
        byte[] judged =
            switch (branch) {
                case MANIFEST -> manifest(key, company, in, source.offset());
                case STATUS -> apply(key, company, status(in, source.offset()));
                default -> throw new IllegalArgumentException("the comparison has manifests and statuses alone");
            };
        if (judged == null || !Company.isOver(judged)) return;
        announce(record, clientId, judged, source);
    }

    private byte[] manifest(byte[] key, byte[] before, ByteReader in, long offset) {
        Company company = before == null ? new Company() : Company.read(before);
        in.text();
        byte[] linkId = copy(in);
        in.text();
        byte[] connectionId = copy(in);
        in.text();
        int connection = company.connection(connectionId, copy(in));
        in.text();
        company.name = copy(in);
        ByteReader datasets = new ByteReader(in.bytes, in.at);
        skipDatasets(in);
        connection = company.link(linkId, connection, in.flag());
        return apply(key, before, company, connection, datasets, offset);
    }

    private static void skipDatasets(ByteReader in) {
        for (long left = blockLength(in); left > 0; left = blockLength(in))
            for (; left > 0; left--) {
                in.text();
                in.text();
            }
    }

    /** The number of items in the next block of an array; 0 is its end. */
    static long blockLength(ByteReader in) {
        long count = in.number();
        if (count >= 0) return count;
        in.number();
        return -count;
    }

    private static Status status(ByteReader in, long offset) {
        in.text();
        ByteReader id = here(in);
        in.text();
        in.text();
        ByteReader type = here(in);
        in.text();
        int status = Statuses.of(in.bytes, in.from, in.length);
        boolean judged = in.number() != REFRESH;
        long revision = in.number() == 0 ? Dataset.NO_REVISION : in.number();
        return new Status(id, type, status, revision, offset, judged);
    }

    private static ByteReader here(ByteReader in) {
        ByteReader text = new ByteReader(in.bytes, in.from);
        text.from = in.from;
        text.length = in.length;
        return text;
    }

    static byte[] copy(ByteReader in) {
        return Arrays.copyOfRange(in.bytes, in.from, in.from + in.length);
    }

    private void announce(Record<byte[], byte[]> record, byte[] clientId, byte[] company, RecordMetadata source) {
        Company parts = Company.read(company);
        Announcements.Writer announcement = announcements.begin(record, clientId, parts);
        takeDatasets(record.key(), company, announcement, parts);
        store.put(record.key(), Company.ANNOUNCED);
        context.forward(announcement.end(source));
    }
}
