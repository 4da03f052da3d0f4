import fc from 'fast-check';
import {
  companyKey,
  datasetKey,
  datasetPrefix,
  firstSyncKey,
  holdKey,
  holdPrefix,
  infoKey,
  parseRowKey,
  POSITION_KEY,
} from '../../../src/store/row-keys.js';
import { id, text } from './arbitrary-rows.js';

const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';

test('every key is decoded to exactly its ids', () => {
  fc.assert(
    fc.property(id, id, text, (companyId, datasetId, holdId) => {
      expect(parseRowKey(companyKey(companyId))).toEqual({ kind: 'company', companyId });
      expect(parseRowKey(infoKey(companyId))).toEqual({ kind: 'info', companyId });
      expect(parseRowKey(firstSyncKey(companyId))).toEqual({ kind: 'first-sync', companyId });
      expect(parseRowKey(datasetKey(companyId, datasetId))).toEqual({ kind: 'dataset', companyId, datasetId });
      expect(parseRowKey(holdKey(companyId, holdId))).toEqual({ kind: 'hold', companyId, holdId });
    }),
  );
});

test.each([
  ['empty', ''],
  ['300 characters', 'x'.repeat(300)],
  ['300 characters of three bytes', '深'.repeat(300)],
  ['an upper-case UUID', UUID.toUpperCase()],
  ['a UUID with one upper-case digit', UUID.replace('f', 'F')],
  ['a UUID without dashes', UUID.replaceAll('-', '')],
  ['36 characters with a character beyond ASCII', `${UUID.slice(0, 35)}é`],
  ['36 characters, one of which has the low byte of a digit', `${UUID.slice(0, 35)}\u0130`],
  ['a dash too many', '0f8fad5b-d9cb-469f-a165-7086772895-e'],
  ['exactly as long as the short path goes', 'a'.repeat(48)],
  ['one longer', 'a'.repeat(49)],
])('an id survives: %s', (_, companyId) => {
  expect(parseRowKey(datasetKey(companyId, companyId))).toEqual({ kind: 'dataset', companyId, datasetId: companyId });
});

test('a canonical UUID takes 16 bytes and one of length', () => {
  expect(companyKey(UUID).toString('hex')).toBe('43210f8fad5bd9cb469fa16570867728950e');
  expect(datasetKey(UUID, UUID)).toHaveLength(35);
});

test("no company's prefix contains another company", () => {
  fc.assert(
    fc.property(id, id, id, (one, other, datasetId) => {
      fc.pre(one !== other);
      expect(datasetKey(other, datasetId).subarray(0, datasetPrefix(one).length)).not.toEqual(datasetPrefix(one));
      expect(holdKey(other, '0/1').subarray(0, holdPrefix(one).length)).not.toEqual(holdPrefix(one));
    }),
  );
});

test('the position row has a key of its own', () => {
  expect(parseRowKey(POSITION_KEY)).toEqual({ kind: 'position' });
});

test('bytes that are not a row key are refused', () => {
  expect(() => parseRowKey(Buffer.from('Midentity'))).toThrow('row key');
  expect(() => parseRowKey(companyKey(UUID).subarray(0, 9))).toThrow('cut short');
  expect(() => parseRowKey(Buffer.concat([companyKey(UUID), Buffer.of(0)]))).toThrow('left over');
});
