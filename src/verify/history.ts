/** The last records of a company, as lines of evidence. */
import { cutText } from '../lib/cut-text.js';
import { isoTime } from '../lib/iso-time.js';
import type { LogRecord } from '../lib/record.js';
import type { InputPayload, ReadInput } from './input-event.js';

const MAX_LINES = 40;
/** Ids of one manifest, and holds of one repair, that a line shows. */
const MAX_IDS = 10;
/** The most characters of a repair that a line shows: a header may have any length. */
const MAX_REPAIR_CHARACTERS = 100;

interface Told {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly read: ReadInput;
}

/** Whether the line of a record is much smaller than the record. Then the line is kept, and not the record. */
function isLarge(read: ReadInput): boolean {
  if (read.kind === 'bad') return false;
  const { repairs, payload } = read;
  const hasLongRepairs = repairs.length > MAX_IDS || repairs.some(({ length }) => length > MAX_REPAIR_CHARACTERS);
  return hasLongRepairs || (payload.type === 'LinkSyncQueued' && payload.datasets.length > MAX_IDS);
}

export class History {
  #records: (Told | string)[] = [];
  #dropped = 0;

  add({ offset, timestamp }: LogRecord, read: ReadInput, partition: number): void {
    const told = { partition, offset, timestamp, read };
    this.#records.push(isLarge(read) ? lineOf(told) : told);
    if (this.#records.length < 2 * MAX_LINES) return;
    this.#records = this.#records.slice(-MAX_LINES);
    this.#dropped += MAX_LINES;
  }

  lines(): string[] {
    const shown = this.#records.slice(-MAX_LINES);
    const left = this.#dropped + this.#records.length - shown.length;
    return [
      ...(left > 0 ? [`(${left} earlier records)`] : []),
      ...shown.map((told) => (typeof told === 'string' ? told : lineOf(told))),
    ];
  }
}

function lineOf({ partition, offset, timestamp, read }: Told): string {
  const at = `${partition}/${offset} ${isoTime(timestamp)}`;
  if (read.kind === 'bad') return `${at} bad record: ${read.code}`;
  const repairs =
    read.repairs.length === 0
      ? ''
      : `, repairs ${shortened(read.repairs.slice(0, MAX_IDS).map(cutRepair), read.repairs.length)}`;
  return `${at} ${tell(read.payload)}${repairs}`;
}

function tell(payload: InputPayload): string {
  switch (payload.type) {
    case 'LinkSyncQueued': {
      const { linkId, connectionId, datasets, isFinal } = payload;
      const kind = isFinal ? 'final manifest' : 'manifest, not final,';
      const ids = datasets.length === 0 ? 'no datasets' : shortened(datasets.map(({ datasetId }) => datasetId));
      return `${kind} of link ${linkId}, connection ${connectionId}: ${ids}`;
    }
    case 'DatasetStatusChanged': {
      const { datasetId, status, trigger, revision } = payload;
      return `dataset ${datasetId} ${status}, trigger ${trigger}, revision ${revision ?? 'none'}`;
    }
    case 'ConnectionUnlinked':
      return `connection ${payload.connectionId} unlinked`;
    case 'CompanyDeleted':
      return 'company deleted';
    case 'AnnouncedElsewhere':
      return 'announced by another system';
  }
}

function cutRepair(repair: string): string {
  return cutText(repair, MAX_REPAIR_CHARACTERS);
}

/** @param count how many there are, if `ids` has only the first ones */
function shortened(ids: readonly string[], count = ids.length): string {
  const more = count - MAX_IDS;
  return more > 0 ? `${ids.slice(0, MAX_IDS).join(' ')} and ${more} more` : ids.join(' ');
}
