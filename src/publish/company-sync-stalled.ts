/** Turns a stall into the outbound `CompanySyncStalled` record: Avro in Confluent framing. */
import type { Stall } from '../domain/stall.js';
import { NO_HEADERS, type RecordToWrite } from '../lib/record.js';
import { frame } from '../avro/framing.js';
import { avroTime } from './avro-time.js';
import type { EventWriter } from './event-types.js';

export interface CompanySyncStalledOptions {
  /** EventTypes.companySyncStalled */
  readonly type: EventWriter;
  /** The id under which the type's schema is registered. */
  readonly schemaId: number;
}

export function stalledRecordOf(stall: Stall, { type, schemaId }: CompanySyncStalledOptions): RecordToWrite {
  const since = avroTime(stall.since);
  return {
    key: Buffer.from(stall.companyId),
    value: frame(schemaId, type.toBuffer({ ...stall, since })),
    headers: NO_HEADERS,
  };
}
