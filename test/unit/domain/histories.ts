/** Short functions to write the history of one company in examples. The position in the list is the offset. */
import { CONTEXT } from '../../support/company-history.js';
import {
  judgeCompany,
  type BadRecord,
  type EventRecord,
  type HistoryRecord,
  type ReferenceAnnouncement,
  type ReferencePayload,
  type TriggerPolicy,
} from '../../../testkit/reference-model.js';
import { CompanyInStore } from './company-in-store.js';
import { HOUR_MS } from '../../../src/lib/time-units.js';

export type Draft = Omit<EventRecord, 'offset'> | Omit<BadRecord, 'offset'>;
type EventDraft = Omit<EventRecord, 'offset'>;
type ManifestPayload = Extract<ReferencePayload, { type: 'LinkSyncQueued' }>;
type StatusPayload = Extract<ReferencePayload, { type: 'DatasetStatusChanged' }>;

export const AFTER_THE_DATE = CONTEXT.allDatasetsFrom + HOUR_MS;
export const BEFORE_THE_DATE = CONTEXT.allDatasetsFrom - HOUR_MS;

function event(payload: ReferencePayload): EventDraft {
  return { kind: 'event', clientId: 'client', clientSetting: null, timestamp: AFTER_THE_DATE, repairs: [], payload };
}

/** The manifest that seals a link: with the only part, or the last one. */
export function manifest(
  linkId: string,
  connectionId: string,
  datasetIds: readonly string[],
  other: Partial<ManifestPayload> = {},
): EventDraft {
  return event({
    type: 'LinkSyncQueued',
    linkId,
    connectionId,
    sourceType: 'source',
    companyName: 'name',
    datasets: datasetIds.map((datasetId) => ({ datasetId, dataType: 'invoices' })),
    isFinal: true,
    ...other,
  });
}

/** A part of a link's manifest that leaves the link unsealed. */
export function part(linkId: string, connectionId: string, datasetIds: readonly string[]): EventDraft {
  return manifest(linkId, connectionId, datasetIds, { isFinal: false });
}

export function status(datasetId: string, word: string, other: Partial<StatusPayload> = {}): EventDraft {
  return event({ type: 'DatasetStatusChanged', datasetId, status: word, trigger: 'LINK', revision: null, ...other });
}

export function unlinked(connectionId: string): EventDraft {
  return event({ type: 'ConnectionUnlinked', connectionId });
}

export function deleted(): EventDraft {
  return event({ type: 'CompanyDeleted' });
}

export function announcedElsewhere(): EventDraft {
  return event({ type: 'AnnouncedElsewhere' });
}

export function badRecord(code: BadRecord['code'] = 'undecodable'): Draft {
  return { kind: 'bad-record', timestamp: AFTER_THE_DATE, code };
}

/** The record as a repair of those at `offsets`. */
export function repairing(offsets: readonly number[], draft: EventDraft): EventDraft {
  return { ...draft, repairs: offsets.map((offset) => `${CONTEXT.partition}/${offset}`) };
}

/** The record stamped before ALL_DATASETS came into force, while the client has the setting given. */
export function earlier(clientSetting: TriggerPolicy | null, draft: EventDraft): EventDraft {
  return { ...draft, timestamp: BEFORE_THE_DATE, clientSetting };
}

export function fromClient(clientId: string, draft: EventDraft): EventDraft {
  return { ...draft, clientId };
}

export function historyOf(drafts: readonly Draft[]): HistoryRecord[] {
  return drafts.map((draft, offset) => ({ ...draft, offset }));
}

/** The company after a history, completely written to the store. Checks that the reference model agrees. */
export function companyAfter(...drafts: readonly Draft[]): CompanyInStore {
  const records = historyOf(drafts);
  const company = new CompanyInStore(CONTEXT);
  for (const record of records) {
    company.evict();
    company.apply(record);
    company.settle();
  }
  const { announcement, failures, tooManyDatasets, tooLarge, openHolds } = judgeCompany(records, CONTEXT);
  expect(company.announcements).toEqual(announcement === null ? [] : [announcement]);
  expect(company.failures).toEqual(failures);
  expect(company.tooManyDatasets).toEqual(tooManyDatasets);
  expect(company.tooLarge).toEqual(tooLarge);
  expect([...company.stored.holds.keys()].sort()).toEqual(openHolds);
  return company;
}

/** The announcement of a history; null if it announces nothing. */
export function announcementAfter(...drafts: readonly Draft[]): ReferenceAnnouncement | null {
  return companyAfter(...drafts).announcements[0] ?? null;
}

/** The offset that completes the company; null if no record does. */
export function completedAt(...drafts: readonly Draft[]): number | null {
  return announcementAfter(...drafts)?.source.offset ?? null;
}

/** `<datasetId> <status> <decidedAtOffset>` of each dataset announced. */
export function datasetsAnnounced(...drafts: readonly Draft[]): string[] | null {
  const announcement = announcementAfter(...drafts);
  return announcement?.datasets.map((d) => `${d.datasetId} ${d.status} ${d.decidedAtOffset}`) ?? null;
}
