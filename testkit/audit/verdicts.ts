/** The expected result for each company: the reference model, applied to the settings that may have been in force. */
import {
  judgeCompany,
  type HistoryContext,
  type HistoryRecord,
  type ReferenceAnnouncement,
  type Standing,
  type TriggerPolicy,
  type Verdict,
} from '../reference-model.js';
import type { CompanyRecords } from './company-records.js';
import type { ReadEvent } from './read-events.js';
import type { SettingValues } from './setting-values.js';

export type JudgingContext = Omit<HistoryContext, 'companyId' | 'partition'>;

/**
 * Judges one company.
 *
 * @param claim the published announcement, if there was one. If several settings may have been in force, each record is
 *   judged by the one that announces latest. Only the record that the announcement names is judged by the policy of the
 *   announcement, if that policy may have been in force.
 */
export function verdictOf(
  company: CompanyRecords,
  settings: SettingValues,
  claim: ReferenceAnnouncement | undefined,
  context: JudgingContext,
): Verdict {
  const settingAt = (clientId: string, offset: number): TriggerPolicy =>
    claim !== undefined && offset === claim.source.offset
      ? settings.nearest(clientId, claim.trigger)
      : settings.leastEager(clientId);
  const { companyId, partition } = company;
  const history = company.records.map((event) => toHistory(event, settingAt));
  return judgeCompany(history, { ...context, companyId, partition });
}

function toHistory(event: ReadEvent, settingAt: (clientId: string, offset: number) => TriggerPolicy): HistoryRecord {
  const { offset, timestamp } = event.record;
  if (event.kind === 'event') {
    const { clientId, repairs, payload } = event;
    return { kind: 'event', offset, timestamp, clientId, clientSetting: settingAt(clientId, offset), repairs, payload };
  }
  if (event.code === 'missing-key') throw new Error('a record without a key belongs to no company');
  return { kind: 'bad-record', offset, timestamp, code: event.code };
}

/** Why a company must not be announced, in a few words. */
export function whyNot(verdict: Verdict): string {
  if (verdict.outcome === 'deleted') return 'deleted';
  if (verdict.outcome === 'announced-elsewhere') return 'announced elsewhere';
  const standing = verdict.standings.at(-1);
  return standing == null ? 'no records' : whyPending(standing);
}

function whyPending({ heldBy, links, unsealedLinks, waitingFor, succeeded }: Standing): string {
  if (heldBy.length > 0) return 'held by a bad record';
  if (links === 0) return 'no manifest';
  if (unsealedLinks.length > 0) return 'link not sealed';
  if (waitingFor.length > 0) return 'datasets unfinished';
  return succeeded === 0 ? 'nothing Complete' : 'complete';
}
