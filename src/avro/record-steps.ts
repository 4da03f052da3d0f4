/** Reads the fields of a record, one after the other. */
import type { CheckedTap } from './checked-tap.js';
import { skipBytes } from './skip.js';

export type Read = (tap: CheckedTap) => unknown;

/** Reads a text, the most common kind of field. */
export const readString: Read = (tap) => tap.readString();

/** Reads an id: a text that must be UTF-8. */
export const readId: Read = (tap) => tap.readId();

/** The place of a field that is skipped. */
export const DISCARD = -1;
/**
 * Up to this many writer's fields, a record is read by generated code. A wider record is read by a loop: generated code
 * gains little for its few used fields.
 */
const MAX_GENERATED_FIELDS = 200;

/** The code of the most common calls. */
const INLINED: ReadonlyMap<Read, string> = new Map([
  [readString, 'tap.readString()'],
  [readId, 'tap.readId()'],
  [skipBytes, 'tap.skipBytes()'],
]);

export interface Step {
  readonly read: Read;
  /** Position among the arguments of `make`, or DISCARD. */
  readonly place: number;
}

/**
 * Reads the fields of a record in the writer's order. Generated code decodes events a fifth faster than a loop over
 * functions. It contains only numbers from this file, and nothing from the schema.
 *
 * @param defaults the values of the places that no step fills
 */
export function readRecord(
  steps: readonly Step[],
  defaults: readonly unknown[],
  make: (...values: readonly unknown[]) => unknown,
): Read {
  if (steps.length > MAX_GENERATED_FIELDS) return readWideRecord(steps, defaults, make);
  const reads = steps.map(({ read }) => read);
  const calls = steps.map(({ read, place }, i) => {
    const call = INLINED.get(read) ?? `read${i}(tap)`;
    return place === DISCARD ? call : `const value${place} = ${call}`;
  });
  const filled = new Set(steps.map(({ place }) => place));
  const values = defaults.map((_, place) => (filled.has(place) ? `value${place}` : `defaults[${place}]`));
  const code = `return (tap) => {
    tap.enterRecord(${steps.length + 1});
    ${calls.join(';\n    ')};
    tap.leaveRecord();
    return make(${values.join(', ')});
  }`;
  const names = reads.map((_, i) => `read${i}`);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- see above
  return new Function('defaults', 'make', ...names, code)(defaults, make, ...reads) as Read;
}

function readWideRecord(
  steps: readonly Step[],
  defaults: readonly unknown[],
  make: (...values: readonly unknown[]) => unknown,
): Read {
  return (tap) => {
    tap.enterRecord(steps.length + 1);
    const values = defaults.slice();
    for (const { read, place } of steps) {
      const value = read(tap);
      if (place !== DISCARD) values[place] = value;
    }
    tap.leaveRecord();
    return make(...values);
  };
}
