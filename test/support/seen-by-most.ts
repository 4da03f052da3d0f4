/**
 * The fields of `LogBounds` for a log whose leader most brokers have named, on brokers without topic ids and epochs.
 */
export const SEEN_BY_MOST = { topicId: null, leaderEpoch: -1, byMost: true } as const;
