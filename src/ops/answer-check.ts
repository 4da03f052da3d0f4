/**
 * Fits the answers of other group members to a schema, at a bounded cost. A few bytes of JSON make a large object, and a
 * schema notes each fault.
 */
import { z } from 'zod';
import { cutText } from '../lib/cut-text.js';

/** The number of list items that are checked together. Each of them may have several faults. */
const CHECKED_TOGETHER = 1_000;

/**
 * Cuts the texts that are longer than the schema allows, and removes the fields that it does not have, in the value
 * itself. So a later release may write longer texts and more fields, and they take no memory.
 * @returns the path of the first fault; null if there are no faults
 */
export function fitToSchema(value: unknown, schema: z.ZodType): string[] | null {
  if (!(schema instanceof z.ZodObject) || !isObject(value)) return faultOf(value, schema, []);
  const lists = Object.entries(schema.shape).filter(([field]) => Array.isArray(value[field]));
  for (const [field, list] of lists) {
    const items = value[field] as unknown[];
    for (let from = 0; from < items.length; from += CHECKED_TOGETHER) {
      const checked = items.slice(from, from + CHECKED_TOGETHER);
      const fault = faultOf(checked, list as z.ZodType, [field]);
      if (fault !== null) return fault;
      for (const [i, item] of checked.entries()) items[from + i] = item;
    }
  }
  const known = Object.fromEntries(lists.map(([field]) => [field, value[field]]));
  for (const [field] of lists) value[field] = [];
  const fault = faultOf(value, schema, []);
  Object.assign(value, known);
  return fault;
}

type Fields = Record<string, unknown>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function faultOf(value: unknown, schema: z.ZodType, path: readonly string[]): string[] | null {
  const issues = schema.safeParse(value).error?.issues ?? [];
  const fault = issues.find((issue) => !isFitted(value, issue));
  return fault === undefined ? null : [...path, ...fault.path.map(String)];
}

/** Removes the cause of an issue, unless it is a fault. */
function isFitted(value: unknown, issue: z.core.$ZodIssue): boolean {
  if (issue.code === 'unrecognized_keys') {
    const object = issue.path.reduce((part, field) => (part as Fields)[field as string], value) as Fields;
    for (const key of issue.keys) delete object[key];
    return true;
  }
  const field = issue.path.at(-1);
  if (issue.code !== 'too_big' || issue.origin !== 'string' || field === undefined) return false;
  const parent = issue.path.slice(0, -1).reduce((part, step) => (part as Fields)[step as string], value) as Fields;
  parent[field as string] = cutText(parent[field as string] as string, Number(issue.maximum));
  return true;
}
