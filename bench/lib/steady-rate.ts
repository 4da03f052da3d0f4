/** Sends a workload at a steady rate, whatever the processor does. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AnnouncementTimes } from './announcement-times.js';
import { RECORDS_A_SEND } from './input.js';
import type { WorkloadRecord } from './workload.js';

/** What is sent, and how the announcements come back. */
export interface SteadyStream {
  readonly records: Iterator<WorkloadRecord>;
  readonly times: AnnouncementTimes;
}

/** The time between two portions of records: a busy producer sends records in portions too. */
const TICK_MS = 5;

/** @param rate records a second @returns the number of records that it has sent */
export async function sendSteadily({ records, times }: SteadyStream, rate: number, seconds: number): Promise<number> {
  const startedAt = performance.now();
  const sending: Promise<void>[] = [];
  let sent = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs >= seconds * 1000) break;
    const due = Math.floor((elapsedMs * rate) / 1000);
    while (sent < due) {
      const portion = [...take(records, Math.min(due - sent, RECORDS_A_SEND))];
      sending.push(times.send(portion));
      sent += portion.length;
    }
    await delay(TICK_MS);
  }
  await Promise.all(sending);
  return sent;
}

export function* take(records: Iterator<WorkloadRecord>, count: number): IterableIterator<WorkloadRecord> {
  for (let i = 0; i < count; i++) yield records.next().value as WorkloadRecord;
}
