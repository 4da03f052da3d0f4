import { lineOf } from '../../../src/command/dead-letter-text.js';

type Read = Parameters<typeof lineOf>[1];
type Afterwards = Parameters<typeof lineOf>[2];

const nothing = { failedRepairsOf: () => [], targetsOf: () => [] };
const read = { attempts: nothing } as unknown as Read;
const afterwards = { repairOf: () => null } as unknown as Afterwards;

/** The line of a dead letter with this key. */
function lineWith(key: string | null): string {
  const deadLetter = { partition: 3, offset: 7, code: 'undecodable', writtenAt: 0, key: key && Buffer.from(key) };
  return lineOf(deadLetter as unknown as Parameters<typeof lineOf>[0], read, afterwards);
}

test('a key with blanks is quoted, so it cannot pretend to be the state of the dead letter, or no key', () => {
  expect(lineWith('acme')).toMatch(/ {2}acme {2}\(no repair\)$/);
  expect(lineWith(null)).toMatch(/ {2}no key {2}\(no repair\)$/);
  expect(lineWith('no key')).toMatch(/ {2}'no key' {2}\(no repair\)$/);
  expect(lineWith('acme  (repair sent: 3/9)')).toMatch(/ {2}'acme {2}\(repair sent: 3\/9\)' {2}\(no repair\)$/);
});
