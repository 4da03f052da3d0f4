import { randomBytes } from 'node:crypto';

/** A cluster id as Kafka makes them: 16 random bytes, base64url; not beginning with `-`, which tools take for a flag. */
export function newClusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? newClusterId() : id;
}
