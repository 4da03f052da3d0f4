/**
 * Reads the schemas folder: `<folder>/<subject>/v<N>.avsc`. Subjects keep their default names in the folder, even if
 * the topics have other names.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from './reason-of.js';

export interface SchemaFile {
  /** Path below the schemas folder. */
  readonly file: string;
  readonly schema: object;
}

const VERSION = /^v(\d+)\.avsc$/;

/**
 * Reads every version of a subject's schema, oldest first. There is at least one.
 * @throws Error if the folder has none, or a file is missing or is not JSON
 */
export async function schemaVersions(folder: string, subject: string): Promise<SchemaFile[]> {
  try {
    const files = (await readdir(join(folder, subject))).filter((file) => VERSION.test(file));
    files.sort((a, b) => versionOf(a) - versionOf(b));
    if (files.length === 0) throw new Error('it has no file v<N>.avsc');
    return await Promise.all(
      files.map(async (file) => {
        const schema = JSON.parse(await readFile(join(folder, subject, file), 'utf8')) as object;
        return { file: `${subject}/${file}`, schema };
      }),
    );
  } catch (cause) {
    const why = reasonOf(cause);
    throw new Error(
      `cannot read the schemas in ${join(folder, subject)}: ${why}. The folder is part of the installation`,
      { cause },
    );
  }
}

/** The version that this release reads and writes. @throws as `schemaVersions` */
export async function newestSchema(folder: string, subject: string): Promise<object> {
  return ((await schemaVersions(folder, subject)).at(-1) as SchemaFile).schema;
}

/** The schemas to which input is read. The writer's own schema is resolved to them (Avro schema resolution). */
export interface ReaderSchemas {
  readonly syncEvent: object;
  readonly clientSettings: object;
}

/** @throws Error if a file of the schemas folder is missing or is not JSON */
export async function loadReaderSchemas(folder: string): Promise<ReaderSchemas> {
  const [syncEvent, clientSettings] = await Promise.all([
    newestSchema(folder, 'sync-events-value'),
    newestSchema(folder, 'client-settings-value'),
  ]);
  return { syncEvent, clientSettings };
}

function versionOf(file: string): number {
  return Number(VERSION.exec(file)?.[1]);
}
