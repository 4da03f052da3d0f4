import { SyncEventJson, SyncEventRecords } from '../../../src/publish/sync-event-json.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget, type OpenTarget } from '../target.js';
import { PAYLOADS, SYNC_EVENT } from '../schemas.js';

const [, manifest = {}] = Object.entries(PAYLOADS.manifest)[0] ?? [];

/** A line of a file for `events send` or `dead-letters repair --file`. */
export const typedEvents: FuzzTarget = {
  name: 'typed-events',
  input: 'a line of JSON for `events send` and `dead-letters repair --file`',
  mayThrow: ['MalformedLineError'],
  maxMs: 100,
  maxBytes: { fixed: 4 * MIB, perByte: 4_000 },
  maxInputBytes: 8 * 1024,
  tokens: [
    ...[
      '"companyId":',
      '"clientId":',
      '"payload":',
      '"headers":',
      '"CompanyDeleted":{}',
      '"LinkSyncQueued":',
      '"datasets":[]',
    ],
    ...[
      '{',
      '}',
      '[',
      ']',
      ',',
      'null',
      '1e999',
      '-0',
      '9007199254740993',
      '"__proto__":',
      '\\ud800',
      '"eventId":',
      '"occurredAt":',
    ],
  ],
  samples: () =>
    samplesOf({
      deleted: JSON.stringify({ companyId: 'acme', clientId: 'c', payload: { CompanyDeleted: {} } }),
      manifest: JSON.stringify({
        companyId: 'acme',
        clientId: 'c',
        payload: { LinkSyncQueued: manifest },
        headers: { a: 'b' },
      }),
    }),
  open,
};

function open(): OpenTarget {
  const json = new SyncEventJson(SYNC_EVENT, { now: () => 1_700_000_000_000 });
  const records = new SyncEventRecords(json, 7);
  const run = (input: Buffer): void => {
    const event = json.eventOf(input.toString());
    const name = records.payloadOf(records.recordOf(event).value);
    if (name !== event.payload) throw new ContradictionError(`it is written as ${event.payload}, and read as ${name}`);
  };
  return { run };
}
