/** Aborts the open transaction of a producer session that is discarded. */
import type { SessionParts } from './session-parts.js';
import { NO_ERROR } from '../protocol/protocol-errors.js';
import { addOffsetsToTxn, canFenceOwnSession, fenceOwnSession } from '../protocol/transaction-requests.js';

/**
 * Tries to abort the session's transaction. Then readers of the written topics do not wait for the next owner or for
 * the transaction time-out. Whether the abort works or not, the next owner's fencing ends the transaction. It does not
 * use EndTxn, which keeps the epoch: see `LastOutcomes`. Never rejects.
 */
export async function tryToAbort(parts: SessionParts): Promise<void> {
  const { connections, coordinator, session, groupId, transactionTimeoutMs } = parts;
  const abort = connections.ask(coordinator, async (broker) => {
    // The coordinator refuses this if the id has a new owner. Without it, the next request would abort that owner's
    // transaction.
    const isOurs = await broker.connectionPool.send(addOffsetsToTxn(session, groupId));
    if (isOurs.errorCode !== NO_ERROR || !canFenceOwnSession(broker)) return isOurs;
    return broker.connectionPool.send(fenceOwnSession(session, transactionTimeoutMs));
  });
  await Promise.allSettled([abort]);
}
