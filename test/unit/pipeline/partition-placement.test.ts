import { Placement, type ReplayCost } from '../../../src/pipeline/partition-placement.js';

const numbers = [NaN, Infinity, -Infinity, -1, 0.5];
const FREE: ReplayCost = { withState: new Map(), cheapestFirst: [], withoutState: 0 };

test.each(numbers)('placing ends if %p copies are wanted', (copies) => {
  const placement = new Placement(3, [FREE, FREE]);
  placement.place([0, 1], copies);
  for (const partition of [0, 1]) expect(placement.membersOf(partition).length).toBeLessThanOrEqual(3);
});

test.each(numbers)('placing ends if a member costs %p', (cost) => {
  const withoutState = { ...FREE, withoutState: cost };
  const withState = { withState: new Map([[0, cost]]), cheapestFirst: [0], withoutState: 0 };
  const placement = new Placement(2, [withoutState, withState]);
  placement.place([0, 1], 1);
  expect(placement.membersOf(0).length).toBeLessThanOrEqual(1);
});
