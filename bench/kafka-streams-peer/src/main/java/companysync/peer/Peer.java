package companysync.peer;

import java.time.Duration;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The same task by Kafka Streams: exactly once, transactional state stores in RocksDB. It is set by variables of the
 * environment, with the names that the processor uses. It prints `running` when all its tasks run.
 */
public final class Peer {
    private static final Duration STOP_TIME = Duration.ofSeconds(30);
    /** As large as the cache of the processor. */
    private static final long CACHE_BYTES = 256L * 1024 * 1024;
    /** As the processor's. */
    private static final int SESSION_MS = 10_000;

    private Peer() {}

    public static void main(String[] arguments) {
        KafkaStreams streams = new KafkaStreams(topology(), config());
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) System.out.println("running");
        });
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(STOP_TIME)));
        streams.start();
    }

    private static Topology topology() {
        String applicationId = setting("APPLICATION_ID");
        int schemaId = Integer.parseInt(setting("OUTBOUND_SCHEMA_ID"));
        boolean rows = setting("LAYOUT").equals("rows");
        ProcessorSupplier<byte[], byte[], byte[], byte[]> processor = () -> {
            Announcements announcements = new Announcements(schemaId, applicationId);
            return rows ? new RowsProcessor(announcements) : new OneValueProcessor(announcements);
        };
        StoreBuilder<?> store = Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(CompanyProcessor.STORE), Serdes.ByteArray(), Serdes.ByteArray())
            .withCachingEnabled();
        Topology topology = new Topology();
        topology.addSource("input", new ByteArrayDeserializer(), new ByteArrayDeserializer(),
            setting("TOPIC_SYNC_EVENTS"));
        topology.addProcessor("decide", processor, "input");
        topology.addStateStore(store, "decide");
        topology.addSink("output", setting("TOPIC_COMPANY_SYNCHRONIZED"), new ByteArraySerializer(),
            new ByteArraySerializer(), new ByKey(), "decide");
        return topology;
    }

    /** The default partitioner of Kafka's producers, on the key. */
    private static final class ByKey implements StreamPartitioner<byte[], byte[]> {
        @Override
        public Optional<Set<Integer>> partitions(String topic, byte[] key, byte[] value, int partitions) {
            int hash = org.apache.kafka.common.utils.Utils.murmur2(key) & Integer.MAX_VALUE;
            return Optional.of(Set.of(hash % partitions));
        }
    }

    private static Properties config() {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, setting("APPLICATION_ID"));
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, setting("KAFKA_BROKERS"));
        config.put(StreamsConfig.STATE_DIR_CONFIG, setting("STATE_DIR"));
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.TRANSACTIONAL_STATE_STORES_CONFIG, true);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, setting("THREADS"));
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, setting("COMMIT_INTERVAL_MS"));
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, CACHE_BYTES);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, setting("REPLICATION_FACTOR"));
        config.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        config.put(StreamsConfig.consumerPrefix("max.poll.records"), 10_000);
        // A static member: after a restart it gets its partitions back at once.
        config.put(StreamsConfig.consumerPrefix("group.instance.id"), "peer");
        config.put(StreamsConfig.consumerPrefix("session.timeout.ms"), SESSION_MS);
        config.put(StreamsConfig.consumerPrefix("max.partition.fetch.bytes"), 4 * 1024 * 1024);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 * 1024);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
        return config;
    }

    private static String setting(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) throw new IllegalArgumentException(name + " is not set");
        return value;
    }
}
