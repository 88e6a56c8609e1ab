import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The job in Kafka Streams, as its users write it: Jackson in and out, a processor with a persistent store and its
 * changelog, at-least-once, one thread.
 *
 * The fold is Java's own, for the kernel is not callable from here: as many outputs as the feature set has, moving
 * averages, exponential averages, RSI and deviations in turn at growing periods, and rows of the same size.
 *
 * Arguments: servers, source, target, application id, values, bytes of a row, folder, cached or uncached.
 */
public final class Contestant {
    static final int RING = 128;

    /** One row: steps, last price, a ring of prices, then two numbers of each output. */
    static final class Fold {
        final int outputs;
        final double[] row;
        final double[] values;

        Fold(int outputs, int bytes) {
            this.outputs = outputs;
            this.row = new double[Math.max(bytes / 8, 2 + RING + 2 * outputs)];
            this.values = new double[outputs];
        }

        void read(byte[] bytes) {
            if (bytes == null) {
                java.util.Arrays.fill(row, 0.0);
            } else {
                ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().get(row);
            }
        }

        byte[] written() {
            ByteBuffer buffer = ByteBuffer.allocate(8 * row.length).order(ByteOrder.LITTLE_ENDIAN);
            buffer.asDoubleBuffer().put(row);
            return buffer.array();
        }

        void step(double price) {
            int steps = (int) row[0];
            double change = steps > 0 ? price - row[1] : 0.0;
            for (int i = 0; i < outputs; i++) {
                int at = 2 + RING + 2 * i;
                int period = 5 + i;
                switch (i % 4) {
                    case 0 -> {
                        row[at] += price - (steps >= period ? row[2 + (steps - period) % RING] : 0.0);
                        values[i] = row[at] / Math.min(steps + 1, period);
                    }
                    case 1 -> {
                        row[at] += (steps < period ? 1.0 / (steps + 1) : 2.0 / (period + 1)) * (price - row[at]);
                        values[i] = row[at];
                    }
                    case 2 -> {
                        double weight = 1.0 / Math.min(steps + 1, period);
                        row[at] += weight * (Math.max(change, 0.0) - row[at]);
                        row[at + 1] += weight * (Math.max(-change, 0.0) - row[at + 1]);
                        double moves = row[at] + row[at + 1];
                        values[i] = moves > 0.0 ? 100.0 * row[at] / moves : 50.0;
                    }
                    default -> {
                        double old = steps >= period ? row[2 + (steps - period) % RING] : 0.0;
                        row[at] += price - old;
                        row[at + 1] += price * price - old * old;
                        int n = Math.min(steps + 1, period);
                        double mean = row[at] / n;
                        values[i] = Math.sqrt(Math.max(row[at + 1] / n - mean * mean, 0.0));
                    }
                }
            }
            row[2 + steps % RING] = price;
            row[0] = steps + 1;
            row[1] = price;
        }
    }

    static final class Features implements Processor<String, byte[], String, byte[]> {
        private final ObjectMapper mapper = new ObjectMapper();
        private final JsonFactory json = new JsonFactory();
        private final ByteArrayOutputStream out = new ByteArrayOutputStream(4096);
        private final Fold fold;
        private final String[] names;
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> store;

        Features(int outputs, int bytes) {
            fold = new Fold(outputs, bytes);
            names = new String[outputs];
            for (int i = 0; i < outputs; i++) {
                names[i] = "output_" + (5 + i);
            }
        }

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            this.store = context.getStateStore("state");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            try {
                JsonNode tick = mapper.readTree(record.value());
                fold.read(store.get(record.key()));
                JsonNode price = tick.get("price");
                fold.step(price == null ? tick.get("bid").doubleValue() : price.doubleValue());
                store.put(record.key(), fold.written());
                var meta = context.recordMetadata().orElseThrow();
                out.reset();
                try (JsonGenerator to = json.createGenerator(out)) {
                    to.writeStartObject();
                    to.writeStringField("id", "ticks-" + meta.partition() + "-" + meta.offset());
                    to.writeStringField("symbol", tick.get("symbol").textValue());
                    to.writeNumberField("ts_ns", tick.get("ts_ns").longValue());
                    to.writeStringField("schema", "java");
                    to.writeStringField("status", "ready");
                    to.writeNumberField("price", fold.row[1]);
                    to.writeObjectFieldStart("values");
                    for (int i = 0; i < names.length; i++) {
                        to.writeNumberField(names[i], fold.values[i]);
                    }
                    to.writeEndObject();
                    to.writeObjectFieldStart("flags");
                    to.writeEndObject();
                    to.writeEndObject();
                }
                context.forward(record.withValue(out.toByteArray()));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    public static void main(String[] given) {
        int outputs = Integer.parseInt(given[4]);
        int bytes = Integer.parseInt(given[5]);
        boolean cached = given[7].equals("cached");
        Properties settings = new Properties();
        settings.put("bootstrap.servers", given[0]);
        settings.put("application.id", given[3]);
        settings.put("state.dir", given[6]);
        settings.put("num.stream.threads", "1");
        settings.put("replication.factor", "1");
        settings.put("auto.offset.reset", "earliest");
        settings.put("commit.interval.ms", "1000");
        settings.put("statestore.cache.max.bytes", cached ? String.valueOf(64 * 1024 * 1024) : "0");
        settings.put("producer.acks", "all");
        settings.put("producer.batch.size", String.valueOf(256 * 1024));
        var store = Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore("state"), Serdes.String(), Serdes.ByteArray());
        StoreBuilder<?> state = cached ? store.withCachingEnabled() : store.withCachingDisabled();
        Topology topology = new Topology();
        var text = Serdes.String();
        var raw = Serdes.ByteArray();
        topology.addSource("ticks", text.deserializer(), raw.deserializer(), given[1]);
        topology.addProcessor("features", () -> new Features(outputs, bytes), "ticks");
        topology.addStateStore(state, "features");
        topology.addSink("out", given[2], text.serializer(), raw.serializer(), "features");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
