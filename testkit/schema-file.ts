/** The schemas folder, for programs that share no code with `src`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const VERSION = /^v(\d+)\.avsc$/;

/** The folder of each subject's schemas, whatever names a deployment has given to its topics. */
export type Subject =
  | 'sync-events-value'
  | 'client-settings-value'
  | 'company-synchronized-value'
  | 'company-sync-stalled-value'
  | 'company-sync-failed-value';

/**
 * Reads the newest version of a subject's schema. Each call returns a new object, which the caller may change.
 *
 * @param schemasFolder the repository's `schemas`
 * @throws Error if the subject has no version
 */
export function newestSchema(schemasFolder: string, subject: Subject): object {
  const versions = readdirSync(join(schemasFolder, subject)).map((file) => Number(VERSION.exec(file)?.[1] ?? 0));
  return schemaVersion(schemasFolder, subject, Math.max(...versions));
}

export function schemaVersion(schemasFolder: string, subject: Subject, version: number): object {
  return JSON.parse(readFileSync(join(schemasFolder, subject, `v${version}.avsc`), 'utf8')) as object;
}
