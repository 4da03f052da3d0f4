package companysync.peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The words for a dataset's status, as numbers of one byte, and their classes. */
final class Statuses {
    private static final String[] WORDS = {
        "Complete",
        "FetchError", "MapError", "InternalError", "ProcessingError", "ValidationError", "AuthError", "RateLimitError",
        "PermissionsError", "PrerequisiteNotMet", "RoutingError",
        "Cancelled", "NotSupported",
        "Initial", "Queued", "Routing", "Fetching", "MapQueued", "Mapping", "ProcessingQueued", "Processing",
        "ValidationQueued", "Validating",
    };
    private static final byte[][] ENCODED =
        Arrays.stream(WORDS).map(word -> word.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);

    static final int COMPLETE = 0;
    static final int QUEUED = 14;
    private static final int LAST_FAILURE = 10;
    private static final int LAST_TERMINAL = 12;

    private Statuses() {}

    static int of(byte[] bytes, int from, int length) {
        for (int status = 0; status < ENCODED.length; status++) {
            byte[] word = ENCODED[status];
            if (word.length == length && Arrays.equals(word, 0, length, bytes, from, from + length)) return status;
        }
        throw new IllegalArgumentException("unknown status");
    }

    static byte[] word(int status) {
        return ENCODED[status];
    }

    static boolean isTerminal(int status) {
        return status <= LAST_TERMINAL;
    }

    static boolean isFailure(int status) {
        return status > COMPLETE && status <= LAST_FAILURE;
    }
}
