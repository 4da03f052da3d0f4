/**
 * What former releases wrote is read by this one: the bytes in `written-by-releases`, one file for each commit. The other
 * way round needs a build of that commit: `test/fault/upgrade`.
 *
 * A file was written by the code of its commit, and is never changed. For a new one, put the values of the latest file,
 * and those of kinds of rows that are new since, through `release-codecs.ts` with that commit's build:
 *
 *     node --import tsx test/support/release-codecs.ts <build of the commit>/dist write < values.json
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownFormats } from '../../support/own-formats.js';
import { fromJson, STORED_KINDS, type StoredValue } from '../../support/stored-formats.js';

const FOLDER = join(__dirname, 'written-by-releases');

const releases = readdirSync(FOLDER).map((file) => {
  const values = fromJson(readFileSync(join(FOLDER, file), 'utf8')) as readonly StoredValue[];
  return { commit: file.replace('.json', ''), values };
});

describe.each(releases)('what $commit wrote is read', ({ values }) => {
  test.each(STORED_KINDS)('%s', (kind) => {
    const written = values.filter((one) => one.kind === kind);
    expect(written.length).toBeGreaterThan(0);
    // A value may have got fields since, which no byte of a former release speaks of.
    for (const { bytes, value } of written)
      expect({ bytes, value: ownFormats[kind].read(Buffer.from(bytes, 'hex')) }).toMatchObject({ bytes, value });
  });
});
