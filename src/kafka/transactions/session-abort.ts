/** Giving up the open transaction of a producer session. */
import type { SessionParts } from './session-parts.js';
import { NO_ERROR } from '../protocol/protocol-errors.js';
import { addOffsetsToTxn, canFenceOwnSession, fenceOwnSession } from '../protocol/transaction-requests.js';

/**
 * Aborts the session's transaction, so that readers of the written topics need not wait for the next owner, or for the
 * transaction to time out. It is a courtesy: whether it works or not, the next owner's fencing ends the transaction. Not
 * by EndTxn, which keeps the epoch: see `LastOutcomes`. Never rejects.
 */
export async function tryToAbort(parts: SessionParts): Promise<void> {
  const { connections, coordinator, session, groupId, transactionTimeoutMs } = parts;
  const abort = connections.ask(coordinator, async (broker) => {
    // Refused if the id has a new owner, whose open transaction the coordinator would abort without asking.
    const isOurs = await broker.connectionPool.send(addOffsetsToTxn(session, groupId));
    if (isOurs.errorCode !== NO_ERROR || !canFenceOwnSession(broker)) return isOurs;
    return broker.connectionPool.send(fenceOwnSession(session, transactionTimeoutMs));
  });
  await Promise.allSettled([abort]);
}
