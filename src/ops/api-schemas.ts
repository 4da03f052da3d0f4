/**
 * The answers of the HTTP API as schemas. `/openapi.json` is made from them, and tests check every answer against
 * them. Every text has a maximum length. An instance cuts longer texts in the answers of others (answer-check.ts), so a
 * later release can raise the maximum.
 */
import { z } from 'zod';
import { DEAD_LETTER_CODES } from '../domain/events.js';
import { MAX_EXPLANATION_BYTES } from '../domain/explanation-limit.js';
import { MAX_TEXT_BYTES } from '../domain/limits.js';
import { VERDICTS, type Explanation } from '../domain/explanation.js';
import { PARTITION_STATES } from '../pipeline/observer.js';
import { DEPENDENCIES } from './dependency-watch.js';
import { WATCHED_PARTS } from './failure-watch.js';

const MAX_NUMBER_CHARACTERS = 50;
/** The explanation of a company that waits quotes eight texts, and a note quotes one with its escapes. */
const MAX_SENTENCE_CHARACTERS = 10_000;
/** Characters of a reason, a cause or a refusal. Answers have longer ones cut. */
export const MAX_WHY_CHARACTERS = 2_000;

const count = () => z.int().min(0);
const offset = () => z.int().min(0).describe('an offset of the input partition');
const time = () => z.string().max(MAX_NUMBER_CHARACTERS).describe('RFC 3339, UTC');
/** An id, name or status word. No record can have a longer one. */
const word = () => z.string().max(MAX_TEXT_BYTES);
/** A time, or a number or two as text. */
const numbers = () => z.string().max(MAX_NUMBER_CHARACTERS);
/** Words that an instance has composed, which quote ids and names. */
const sentence = () => z.string().max(MAX_SENTENCE_CHARACTERS);
/** Why something does not work: the message of an error. */
const why = () => z.string().max(MAX_WHY_CHARACTERS);
const policy = z.enum(['FIRST_DATASET', 'ALL_DATASETS']);
const statusClass = z.enum(['succeeded', 'failed', 'ended', 'in-progress']);

const latest = z.strictObject({ status: word(), offset: offset(), since: time() });

const dataset = z.strictObject({
  datasetId: word(),
  dataType: word(),
  connectionId: word(),
  linkId: word().nullable(),
  status: word().describe('the last status; Cancelled if the link ended before the dataset finished'),
  class: statusClass,
  decidedAtOffset: offset(),
  since: time().nullable(),
  revision: numbers().nullable(),
  own: latest.nullable().describe('if Cancelled follows from unlinking: the last status that the dataset itself had'),
});

const link = z.strictObject({
  linkId: word(),
  connectionId: word(),
  sourceType: word(),
  state: z.enum(['open', 'sealed', 'ended']),
  endedAtOffset: offset().nullable(),
  datasets: count(),
  unfinished: count(),
});

const hold = z.strictObject({
  record: numbers().describe('<partition>/<offset> of the bad record; use it as the value of the repairs header'),
  code: z.enum(DEAD_LETTER_CODES),
  reason: why(),
  at: time(),
});

export const explanation = z
  .strictObject({
    companyId: word(),
    verdict: z.enum(VERDICTS),
    sentence: sentence().describe('the verdict in words'),
    notes: z.array(sentence()).readonly(),
    asOf: z
      .strictObject({ topic: word(), partition: count(), offset: offset() })
      .nullable()
      .describe('the explanation covers the records of the partition below this offset'),
    policy: policy.nullable(),
    clientId: word().nullable(),
    companyName: word().nullable(),
    counts: z
      .strictObject({ datasets: count(), unfinished: count(), complete: count(), failed: count(), ended: count() })
      .nullable(),
    stalled: z.boolean(),
    failures: count()
      .nullish()
      .describe('how often CompanySyncFailed was published; null or absent if the company is not pending'),
    linkedAt: time().nullish().describe('timestamp of the first manifest, if it is known'),
    lastProgress: time().nullable().describe('to the hour'),
    decidedBy: z.strictObject({ offset: offset(), at: time() }).nullable(),
    holds: z.array(hold).readonly(),
    links: z.array(link).readonly(),
    datasets: z.array(dataset).readonly(),
    early: z
      .array(z.strictObject({ datasetId: word(), latest }))
      .readonly()
      .describe('datasets that have a status and are in no manifest yet'),
    omitted: z
      .strictObject({ holds: count(), links: count(), datasets: count(), early: count() })
      .optional()
      .describe(
        `entries that were left out from the end of each list, because an explanation has at most ${MAX_EXPLANATION_BYTES} ` +
          'bytes; absent if all are listed. Open links and unfinished datasets come first in their lists',
      ),
  })
  .describe('why a company has or has not been announced') satisfies z.ZodType<Explanation>;

const partition = z.strictObject({ partition: count(), state: z.enum(PARTITION_STATES) });

const dependency = z.strictObject({
  dependency: z.enum(DEPENDENCIES),
  reachable: z.boolean().nullable().describe('null while unknown'),
  unreachableSince: time().nullable().describe('time of the first request without an answer'),
});

const failing = z.strictObject({
  part: z.enum(WATCHED_PARTS),
  partition: count().nullable().describe('null for a part that belongs to the whole instance'),
  failingSince: time(),
});
const cause = () => why().describe('the last error, or what the part waits for');

const failure = {
  failingSince: time().optional().describe('errors have prevented any progress since then, for a minute or longer'),
  cause: cause().optional(),
};

export const partitions = z.strictObject({
  partitions: z.array(
    partition.extend({
      state: z.enum(PARTITION_STATES).nullable().describe('null if its owner does not answer'),
      reason: why().nullable().describe('why the partition is in that state'),
      owner: word().nullable().optional().describe('with scope=deployment: the address of its owner'),
      position: count().nullable().describe('input offset after the last batch'),
      lag: count().nullable().describe('records behind; null if the brokers have not reported it for a minute'),
      stale: z
        .boolean()
        .optional()
        .describe('the brokers have not confirmed position and lag for a minute; earlier releases omit this field'),
      recordsPerSecond: count(),
      restoredPercent: count()
        .nullable()
        .describe('how much of the changelog is replayed; null unless the state is being restored'),
      restore: z
        .strictObject({
          position: count(),
          start: count(),
          end: count(),
          records: count(),
          bytes: count().optional(),
          remainingMs: z.number().min(0).nullable().optional(),
        })
        .optional(),
      stateBytes: count().optional().describe('bytes of its state on the disk, measured within the last minute'),
      ...failure,
    }),
  ),
  starting: why().optional().describe('why the instance as a whole is not running yet'),
  dependencies: z
    .array(dependency.extend({ cause: why().nullable() }))
    .optional()
    .describe('earlier releases omit this field'),
  failing: z
    .array(failing.extend({ cause: cause() }))
    .optional()
    .describe('parts of this instance; earlier releases omit this field'),
  standbys: z
    .array(z.strictObject({ partition: count(), position: count(), end: count(), lag: z.int(), ...failure }))
    .optional(),
  stateBytes: count().optional(),
});

export const companies = z.strictObject({
  companies: z
    .array(
      z.strictObject({
        companyId: word(),
        partition: count(),
        datasets: count(),
        unfinished: count(),
        unsealedLinks: count(),
        holds: count(),
        stalled: z.boolean(),
        failed: z.boolean().optional().describe('whether CompanySyncFailed was published for its present state'),
        lastProgress: time()
          .nullable()
          .describe(
            'start of the hour of the last progress; null if the timestamp of that record is not a date, until the processor has set one',
          ),
      }),
    )
    .readonly(),
  count: count().describe('number of companies in this state, among all that were examined'),
  complete: z.boolean().describe('whether every pending company of every partition was examined'),
});

export const readiness = z.strictObject({
  ready: z.boolean(),
  reason: why().optional().describe('what the instance as a whole does before it runs'),
  unready: z.array(partition).describe('the assigned partitions that do not run'),
  failing: z.array(failing).describe('parts that made no progress for a minute or longer because of errors'),
  dependencies: z.array(dependency),
});

export const liveness = z.strictObject({ status: z.literal('alive') });

export const refusal = z.strictObject({ error: why() });

/** Only between instances: the partitions that an instance looked in, and found nothing. */
export const absence = z.strictObject({ partitions: z.array(z.int().min(0)) });
export type Absence = z.output<typeof absence>;

export const SCHEMAS = { explanation, companies, partitions, readiness, liveness, refusal } as const;
