import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * Writes the value of each case with its writer's schema, and reads it as its reader's schema, all by Java's Avro.
 *
 * Input: JSON, an array of {name, writer, reader, value, blocks?}; the value is in Avro's JSON encoding. With blocks,
 * arrays and maps are written in blocks that say their size. Output: each case with `bytes` (hex), and `read` (what Java
 * reads) or `refused` (why Java reads nothing).
 */
public final class WriteValues {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  public static void main(String[] args) throws Exception {
    ArrayNode written = NODES.arrayNode();
    for (JsonNode node : JSON.readTree(new File(args[0]))) written.add(write((ObjectNode) node));
    JSON.writerWithDefaultPrettyPrinter().writeValue(new File(args[1]), written);
  }

  private static ObjectNode write(ObjectNode testCase) throws Exception {
    Schema writer = parse(testCase.get("writer"));
    Schema reader = parse(testCase.get("reader"));
    byte[] bytes;
    try {
      bytes = encode(writer, testCase.get("value"), testCase.path("blocks").asBoolean());
    } catch (Exception error) {
      throw new IllegalArgumentException("case " + testCase.get("name"), error);
    }
    testCase.put("bytes", HexFormat.of().formatHex(bytes));
    try {
      Object read = new GenericDatumReader<>(writer, reader).read(null, DecoderFactory.get().binaryDecoder(bytes, null));
      testCase.set("read", jsonOf(read));
    } catch (Exception error) {
      testCase.put("refused", String.valueOf(error.getMessage()));
    }
    return testCase;
  }

  private static Schema parse(JsonNode schema) {
    return new Schema.Parser(NameValidator.NO_VALIDATION).setValidateDefaults(false).parse(schema.toString());
  }

  private static byte[] encode(Schema schema, JsonNode value, boolean blocks) throws Exception {
    Object datum =
        new GenericDatumReader<>(schema).read(null, DecoderFactory.get().jsonDecoder(schema, value.toString()));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    EncoderFactory encoders = new EncoderFactory();
    if (blocks) encoders.configureBlockSize(64);
    BinaryEncoder encoder = blocks ? encoders.blockingBinaryEncoder(out, null) : encoders.binaryEncoder(out, null);
    new GenericDatumWriter<>(schema).write(datum, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  /** Plain JSON; bytes as {"bytes": hex}, a long that a double does not hold as {"long": text}. */
  private static JsonNode jsonOf(Object value) {
    if (value == null) return NODES.nullNode();
    if (value instanceof GenericRecord record) {
      ObjectNode object = NODES.objectNode();
      for (Schema.Field field : record.getSchema().getFields()) object.set(field.name(), jsonOf(record.get(field.pos())));
      return object;
    }
    if (value instanceof List<?> list) {
      ArrayNode array = NODES.arrayNode();
      for (Object item : list) array.add(jsonOf(item));
      return array;
    }
    if (value instanceof Map<?, ?> map) {
      ObjectNode object = NODES.objectNode();
      map.forEach((key, item) -> object.set(key.toString(), jsonOf(item)));
      return object;
    }
    if (value instanceof ByteBuffer buffer) return bytesOf(buffer.array());
    if (value instanceof GenericFixed fixed) return bytesOf(fixed.bytes());
    if (value instanceof Long number && (number > (1L << 53) - 1 || number < 1 - (1L << 53)))
      return NODES.objectNode().put("long", number.toString());
    if (value instanceof Float || value instanceof Double) {
      double number = ((Number) value).doubleValue();
      return Double.isFinite(number) ? NODES.numberNode(number) : NODES.objectNode().put("double", "" + number);
    }
    if (value instanceof Number number) return NODES.numberNode(number.longValue());
    if (value instanceof Boolean bool) return NODES.booleanNode(bool);
    return NODES.textNode(value.toString());
  }

  private static JsonNode bytesOf(byte[] bytes) {
    return NODES.objectNode().put("bytes", HexFormat.of().formatHex(bytes));
  }
}
