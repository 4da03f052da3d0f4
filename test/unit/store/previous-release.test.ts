/**
 * What former releases wrote is read by this one: the bytes in `written-by-releases`, one file for each commit. The other
 * way round needs a build of that commit: `test/fault/upgrade`.
 *
 * A file was written by the code of its commit, and is never changed. For a new one, put the values of the latest file,
 * and those of kinds of rows that are new since, through `release-codecs.ts` with that commit's build:
 *
 *     node --import tsx test/support/release-codecs.ts <build of the commit>/dist write < values.json
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { payloadsUnknownTo, ROW_VERSIONS_READ_BY_PREVIOUS_RELEASE } from '../../support/other-release.js';
import { ownFormats } from '../../support/own-formats.js';
import { STORED_KINDS } from '../../support/stored-formats.js';
import { writtenByReleases } from '../../support/written-by-releases.js';

describe.each(writtenByReleases())('values written by $commit are read', ({ values }) => {
  test.each(STORED_KINDS)('%s', (kind) => {
    const written = values.filter((one) => one.kind === kind);
    expect(written.length).toBeGreaterThan(0);
    // A value may have got new fields since, which the bytes of a former release do not contain.
    for (const { bytes, value } of written)
      expect({ bytes, value: ownFormats[kind].read(Buffer.from(bytes, 'hex')) }).toMatchObject({ bytes, value });
  });
});

test.each(['company', 'info', 'dataset', 'hold', 'position'] as const)(
  'this release writes no version of a %s row that the previous release cannot read',
  (kind) => {
    const rows = writtenByReleases().flatMap(({ values }) => values.filter((one) => one.kind === kind));
    for (const { value } of rows)
      expect(ROW_VERSIONS_READ_BY_PREVIOUS_RELEASE).toContain(ownFormats[kind].write(value as never)[0]);
  },
);

test('the payloads that a release has no schema for are not sent while it runs', () => {
  const repository = join(__dirname, '..', '..', '..');
  expect(payloadsUnknownTo({ dist: join(repository, 'dist') })).toEqual([]);
  const release = mkdtempSync(join(tmpdir(), 'release-'));
  try {
    const first = join('schemas', 'sync-events-value', 'v1.avsc');
    cpSync(join(repository, first), join(release, first));
    expect(payloadsUnknownTo({ dist: join(release, 'dist') })).toEqual(['AnnouncedElsewhere']);
  } finally {
    rmSync(release, { recursive: true });
  }
});
