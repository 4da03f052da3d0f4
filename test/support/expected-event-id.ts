import { createHash } from 'node:crypto';

/** The namespace for URLs of RFC 9562, appendix A. */
const URL_NAMESPACE = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';

/** The event id of a company as the contract defines it, computed here independently. */
export function expectedEventId(eventNamespace: string, companyId: string): string {
  return uuidV5(uuidV5(URL_NAMESPACE, `company-sync:${eventNamespace}`), companyId);
}

/** RFC 9562, 5.5. */
function uuidV5(namespace: string, name: string): string {
  const hash = createHash('sha1');
  hash.update(Buffer.from(namespace.replaceAll('-', ''), 'hex')).update(name, 'utf8');
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8(((bytes[6] as number) & 0x0f) | 0x50, 6);
  bytes.writeUInt8(((bytes[8] as number) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
