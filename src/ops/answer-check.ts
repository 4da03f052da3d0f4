/**
 * Checks the answers of other group members at a bounded cost. A few bytes of JSON make a large object, and a schema
 * notes each fault. Without these checks, an answer within its byte limit could take gigabytes and block the process
 * for half a minute.
 */
import { z } from 'zod';

/** Objects and lists in one answer. A company at its limits has some 30,000, and one more for each hold. */
export const MAX_ANSWER_PARTS = 250_000;
/** The number of list items that are checked together. Each of them may have several faults. */
const CHECKED_TOGETHER = 1_000;

/** Whether the JSON may have too many objects and lists. Brackets in texts count too. */
export function hasTooManyParts(json: string): boolean {
  let parts = 0;
  const brackets = /[[{]/g;
  while (brackets.test(json)) if (++parts > MAX_ANSWER_PARTS) return true;
  return false;
}

/**
 * The path of the first fault; null if there are no faults. An unknown field is not a fault, because later releases
 * add fields.
 */
export function firstFaultIn(value: unknown, schema: z.ZodType): string[] | null {
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null)
    return faultOf(value, schema, []);
  const lists = Object.entries(schema.shape).filter(([field]) => Array.isArray((value as Fields)[field]));
  for (const [field, list] of lists) {
    const items = (value as Fields)[field] as readonly unknown[];
    for (let from = 0; from < items.length; from += CHECKED_TOGETHER) {
      const fault = faultOf(items.slice(from, from + CHECKED_TOGETHER), list as z.ZodType, [field]);
      if (fault !== null) return fault;
    }
  }
  const withoutItems = Object.fromEntries(lists.map(([field]) => [field, []]));
  return faultOf({ ...value, ...withoutItems }, schema, []);
}

type Fields = Readonly<Record<string, unknown>>;

function faultOf(value: unknown, schema: z.ZodType, path: readonly string[]): string[] | null {
  const { success, error } = schema.safeParse(value);
  const issue = success ? undefined : error.issues.find(({ code }) => code !== 'unrecognized_keys');
  return issue === undefined ? null : [...path, ...issue.path.map(String)];
}
