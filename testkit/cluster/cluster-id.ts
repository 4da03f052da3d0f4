import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * Makes a cluster id as Kafka does: 16 random bytes in base64url. It never begins with `-`, because tools would read
 * that as a flag.
 */
export function newClusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? newClusterId() : id;
}

/** The cluster id of a broker's formatted data folder; undefined for a new folder. */
export async function clusterIdOf(metaProperties: string): Promise<string | undefined> {
  if (!existsSync(metaProperties)) return undefined;
  return /^cluster\.id=(.+)$/m.exec(await readFile(metaProperties, 'utf8'))?.[1];
}
