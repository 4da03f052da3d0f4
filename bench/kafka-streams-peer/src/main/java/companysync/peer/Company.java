package companysync.peer;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A company's own part: the counts, at fixed places so that a status changes them in place, then the texts. An announced
 * company is one byte.
 */
final class Company {
    static final byte[] ANNOUNCED = {1};

    private static final int UNFINISHED = 1;
    private static final int COMPLETE = 5;
    private static final int UNSEALED = 9;
    private static final int END = 13;
    private static final int TEXTS = 17;

    record Link(byte[] id, int connection, boolean sealed) {}

    record Connection(byte[] id, byte[] sourceType) {}

    int unfinished;
    int complete;
    byte[] name = new byte[0];
    final List<Link> links = new ArrayList<>();
    final List<Connection> connections = new ArrayList<>();

    static boolean isAnnounced(byte[] value) {
        return value[0] == 1;
    }

    /** Where the company's own part ends: a layout may put more after it. */
    static int end(byte[] value) {
        return ByteBuffer.wrap(value).getInt(END);
    }

    static boolean isOver(byte[] value) {
        ByteBuffer buffer = ByteBuffer.wrap(value);
        return buffer.getInt(UNFINISHED) == 0 && buffer.getInt(UNSEALED) == 0 && buffer.getInt(COMPLETE) > 0;
    }

    /** Counts the change of a named dataset's status in place. */
    static void count(byte[] value, int before, int after) {
        ByteBuffer buffer = ByteBuffer.wrap(value);
        add(buffer, UNFINISHED, open(after) - open(before));
        add(buffer, COMPLETE, success(after) - success(before));
    }

    private static void add(ByteBuffer buffer, int at, int change) {
        if (change != 0) buffer.putInt(at, buffer.getInt(at) + change);
    }

    private static int open(int status) {
        return Statuses.isTerminal(status) ? 0 : 1;
    }

    private static int success(int status) {
        return status == Statuses.COMPLETE ? 1 : 0;
    }

    /** Counts a dataset that a manifest has named for the first time. */
    void countNamed(int status) {
        unfinished += open(status);
        complete += success(status);
    }

    int connection(byte[] id, byte[] sourceType) {
        for (int i = 0; i < connections.size(); i++) {
            if (!Arrays.equals(connections.get(i).id, id)) continue;
            connections.set(i, new Connection(id, sourceType));
            return i;
        }
        connections.add(new Connection(id, sourceType));
        return connections.size() - 1;
    }

    /** @return the index of the link's connection: that of its first manifest */
    int link(byte[] id, int connection, boolean seals) {
        for (int i = 0; i < links.size(); i++) {
            Link link = links.get(i);
            if (!Arrays.equals(link.id, id)) continue;
            links.set(i, new Link(id, link.connection, link.sealed || seals));
            return link.connection;
        }
        links.add(new Link(id, connection, seals));
        return connection;
    }

    static Company read(byte[] value) {
        Company company = new Company();
        ByteBuffer buffer = ByteBuffer.wrap(value);
        company.unfinished = buffer.getInt(UNFINISHED);
        company.complete = buffer.getInt(COMPLETE);
        buffer.position(TEXTS);
        company.name = text(buffer);
        for (int left = buffer.getShort(); left > 0; left--)
            company.connections.add(new Connection(text(buffer), text(buffer)));
        for (int left = buffer.getShort(); left > 0; left--)
            company.links.add(new Link(text(buffer), buffer.getShort(), buffer.get() == 1));
        return company;
    }

    private static byte[] text(ByteBuffer buffer) {
        byte[] text = new byte[buffer.getShort()];
        buffer.get(text);
        return text;
    }

    byte[] toBytes(ByteWriter writer) {
        writer.clear();
        int unsealed = (int) links.stream().filter(link -> !link.sealed).count();
        writer.oneByte(0).fourBytes(unfinished).fourBytes(complete).fourBytes(unsealed).fourBytes(0);
        write(writer, name);
        writer.twoBytes(connections.size());
        for (Connection connection : connections) {
            write(writer, connection.id);
            write(writer, connection.sourceType);
        }
        writer.twoBytes(links.size());
        for (Link link : links) {
            write(writer, link.id);
            writer.twoBytes(link.connection).oneByte(link.sealed ? 1 : 0);
        }
        byte[] value = writer.toBytes();
        ByteBuffer.wrap(value).putInt(END, value.length);
        return value;
    }

    private static void write(ByteWriter writer, byte[] text) {
        writer.twoBytes(text.length).raw(text, 0, text.length);
    }
}
