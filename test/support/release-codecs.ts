/**
 * Reads or writes stored bytes with the code of a given build, because Jest cannot load that code:
 *
 *     node --import tsx test/support/release-codecs.ts <dist> read  < [{"kind": "hold", "bytes": "0105..."}, ...]
 *     node --import tsx test/support/release-codecs.ts <dist> write < [{"kind": "hold", "value": {...}}, ...]
 *
 * Prints the same list with both. Values are as `stored-formats.ts` has them in JSON.
 */
import { readdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fromJson, storedFormats, toJson, type StoredModules, type StoredValue } from './stored-formats.js';

const [dist = '', operation] = process.argv.slice(2);
/**
 * The modules by name, because releases have them in different folders. Older releases have two modules in place of
 * `member-messages`.
 */
const FILES = [
  ...['byte-writer', 'row-codec', 'partition-meta', 'row-keys'],
  ...['member-messages', 'member-info', 'member-assignment'],
];
const paths = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((path) =>
  FILES.includes(basename(path, '.js')),
);
const load = async (path: string) => (await import(pathToFileURL(join(dist, path)).href)) as object;
const modules = await Promise.all(paths.map(load));
const formats = storedFormats(Object.assign({}, ...modules) as StoredModules);
const values = fromJson(await text(process.stdin)) as StoredValue[];
const answers = values.map(({ kind, bytes, value }) =>
  operation === 'read'
    ? { kind, bytes, value: formats[kind].read(Buffer.from(bytes, 'hex')) }
    : { kind, bytes: formats[kind].write(value as never).toString('hex'), value },
);
process.stdout.write(toJson(answers));
