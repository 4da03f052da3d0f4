/** Finds the record that a failed repair stands for. Pure. */
import { type DeadLetter, idOf } from '../publish/dead-letter.js';
import type { ReadDeadLetters } from './dead-letter-collector.js';
import type { Place } from './input-afterwards.js';
import type { RecordId } from './repair-attempts.js';

/** The timestamp of a record whose dead letter was not read. Each record of another partition counts as later. */
const UNKNOWN_TIME = -1;

/**
 * The first record that could not be read, if the dead letter is a failed repair. Otherwise the record of the dead
 * letter. A repair takes the place of that record, so the records after it decide whether the repair may be sent.
 *
 * A failed repair may name several records. Within a partition, the lowest offset is the first. Partitions have no
 * common order, so among them the lowest timestamp is the first.
 */
export function firstFailureOf(
  deadLetter: DeadLetter,
  { attempts, timestamps }: Pick<ReadDeadLetters, 'attempts' | 'timestamps'>,
): Place {
  const { partition, offset, timestamp } = deadLetter;
  const id = idOf(deadLetter);
  const placeOf = (named: RecordId): Place => {
    if (named === id) return { partition, offset, timestamp };
    const [of = NaN, at = NaN] = named.split('/').map(Number);
    return { partition: of, offset: at, timestamp: timestamps.get(named) ?? UNKNOWN_TIME };
  };
  const named = [...attempts.recordsNamedBy(id)];
  // A repair comes after the records that it names. Only dead letters of other clients name each other.
  const originals = named.filter((one) => attempts.targetsOf(one).length === 0);
  const firsts = new Map<number, Place>();
  for (const place of (originals.length > 0 ? originals : named).map(placeOf))
    if (place.offset < (firsts.get(place.partition)?.offset ?? Infinity)) firsts.set(place.partition, place);
  return [...firsts.values()].reduce((first, place) => (place.timestamp < first.timestamp ? place : first));
}
