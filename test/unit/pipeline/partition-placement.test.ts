import { Placement } from '../../../src/pipeline/partition-placement.js';

const numbers = [NaN, Infinity, -Infinity, -1, 0.5];

test.each(numbers)('placing ends if %p copies are wanted', (copies) => {
  const placement = new Placement(3, [
    [0, 0, 0],
    [0, 0, 0],
  ]);
  placement.place([0, 1], copies);
  for (const partition of [0, 1]) expect(placement.membersOf(partition).length).toBeLessThanOrEqual(3);
});

test.each(numbers)('placing ends if a member costs %p', (cost) => {
  const placement = new Placement(2, [
    [cost, cost],
    [cost, 0],
  ]);
  placement.place([0, 1], 1);
  expect(placement.membersOf(0).length).toBeLessThanOrEqual(1);
});
