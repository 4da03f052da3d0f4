/** The headers of outbound events: CloudEvents 1.0 in the binary content mode of its Kafka binding. */
import { isoTime } from '../lib/iso-time.js';
import type { Header, LogRecord } from '../lib/record.js';
import { textHeader, traceparentOf } from './record-headers.js';

const SPEC_VERSION = textHeader('ce_specversion', '1.0');
const CONTENT_TYPE = textHeader('content-type', 'application/avro');

/** The name and the value of the header that gives the type of an event. */
export function eventType(name: string): Header {
  return textHeader('ce_type', name);
}

export interface CloudEvent {
  readonly eventId: string;
  /** Made by `eventType`. */
  readonly type: Header;
  /** `announcementSource` */
  readonly source: string;
  readonly companyId: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** @param cause the input record that the event follows from; the event gets its trace header */
export function cloudEventHeaders({ eventId, type, source, companyId, time }: CloudEvent, cause: LogRecord): Header[] {
  const headers = [
    SPEC_VERSION,
    textHeader('ce_id', eventId),
    type,
    textHeader('ce_source', source),
    textHeader('ce_subject', companyId),
    textHeader('ce_time', isoTime(time)),
    textHeader('ce_partitionkey', companyId),
    CONTENT_TYPE,
  ];
  const traceparent = traceparentOf(cause.headers);
  if (traceparent !== null) headers.push(traceparent);
  return headers;
}
