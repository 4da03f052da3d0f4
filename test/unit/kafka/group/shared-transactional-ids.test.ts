import fc from 'fast-check';
import { namesWithSameIds } from '../../../../src/kafka/group/shared-transactional-ids.js';

test('the other names that lead to the same ids are those with the dash in another place', () => {
  expect(namesWithSameIds({ applicationId: 'bugs-tx', input: 'eu-bugsev' })).toEqual([
    { applicationId: 'bugs', input: 'tx-eu-bugsev' },
    { applicationId: 'bugs-tx-eu', input: 'bugsev' },
  ]);
  expect(namesWithSameIds({ applicationId: 'app', input: 'events' })).toEqual([]);
  expect(namesWithSameIds({ applicationId: '-app-', input: '-' })).toEqual([{ applicationId: '-app', input: '--' }]);
});

test('each of them has our ids and another application id, and each such name is found', () => {
  const part = fc.stringMatching(/^[a-b-]{1,8}$/);
  fc.assert(
    fc.property(part, part, part, part, (applicationId, input, otherId, otherInput) => {
      const ours = `${applicationId}-${input}`;
      const found = namesWithSameIds({ applicationId, input });
      for (const other of found) expect(`${other.applicationId}-${other.input}`).toBe(ours);
      expect(found.some((other) => other.applicationId === applicationId)).toBe(false);
      const hasSameIds = `${otherId}-${otherInput}` === ours && otherId !== applicationId;
      expect(found.some((other) => other.applicationId === otherId && other.input === otherInput)).toBe(hasSameIds);
    }),
  );
});
