import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** A cluster id as Kafka makes them: 16 random bytes, base64url; not beginning with `-`, which tools take for a flag. */
export function newClusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? newClusterId() : id;
}

/** The id under which a broker's data folder was formatted, or undefined for a new folder. */
export async function clusterIdOf(metaProperties: string): Promise<string | undefined> {
  if (!existsSync(metaProperties)) return undefined;
  return /^cluster\.id=(.+)$/m.exec(await readFile(metaProperties, 'utf8'))?.[1];
}
