/**
 * The choices of an operator and the check of a take-over must agree: the check accepts every choice that is offered.
 */
import fc from 'fast-check';
import { InconsistentPositionError } from '../../../src/pipeline/errors.js';
import { startOffset } from '../../../src/pipeline/position-check.js';
import { judgePositions, type Positions } from '../../../src/pipeline/position-choices.js';
import { encodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';

const TOPIC = 'sync-events';

/** Small numbers, so that positions are often equal to each other and to the ends of the log. */
const offset = fc.nat({ max: 6 });
const mark = fc.record({
  from: fc.integer({ min: 1, max: 9 }),
  to: fc.integer({ min: 1, max: 9 }),
  moved: fc.boolean(),
});
const anyPositions: fc.Arbitrary<Positions> = fc
  .record({
    changelog: fc.option(
      fc.record({ topic: fc.constantFrom(TOPIC, TOPIC, TOPIC, 'other'), offset, countedUnder: fc.constant(1) }),
    ),
    committed: fc.option(fc.oneof(offset, offset, offset, mark.map(encodeRepartitionMark))),
    committedIn: fc.constantFrom(-1, 2),
    start: offset,
    length: offset,
    batch: fc.option(fc.tuple(offset, fc.integer({ min: 1, max: 3 }))),
    inputLostFrom: fc.option(offset, { freq: 1 }),
    formerState: fc.option(fc.constant('it had announced companies')),
    lostTail: fc.option(fc.record({ upTo: offset, isAccepted: fc.boolean(), accept: fc.constant('accept it') }), {
      freq: 1,
    }),
  })
  .map(({ start, length, batch, ...rest }) => ({
    ...of(start, start + length),
    ...rest,
    unreadable: batch === null ? null : { firstOffset: batch[0], nextOffset: batch[0] + batch[1] },
  }));

function of(start: number, end: number): Positions {
  const input = { start, end };
  return {
    topic: TOPIC,
    partition: 3,
    changelog: null,
    changelogStart: 0,
    changelogCut: false,
    committed: null,
    committedIn: -1,
    input,
  };
}

function withState(position: number, committed: number | null, start: number, end: number): Positions {
  return { ...of(start, end), changelog: { topic: TOPIC, offset: position, countedUnder: 1 }, committed };
}

/** The result of a take-over: its start offset, or null if it stops. */
function startOf(positions: Positions): number | null {
  try {
    return startOffset(positions);
  } catch (error) {
    if (error instanceof InconsistentPositionError) return null;
    throw error;
  }
}

const RUNS = { numRuns: 5_000 };

test('a partition counts as able to run exactly if a take-over accepts it, and from the same offset', () => {
  fc.assert(
    fc.property(anyPositions, (positions) => {
      expect(judgePositions(positions).startsAt).toBe(startOf(positions));
    }),
    RUNS,
  );
});

test("a take-over accepts each choice, and starts at the choice's offset", () => {
  fc.assert(
    fc.property(anyPositions, (positions) => {
      for (const { offset: committed, startsAt } of judgePositions(positions).choices) {
        // A take-over looks for a batch that cannot be read only if the group's offset is above the state's position.
        const isAbove = committed !== null && committed > (positions.changelog?.offset ?? Infinity);
        // An operator's offset has no leader epoch: nothing shows that the input has lost records, and it is a consent.
        const unreadable = isAbove ? positions.unreadable! : null;
        const { lostTail } = positions;
        const accepted = lostTail == null ? null : { ...lostTail, isAccepted: true };
        const chosen = {
          ...positions,
          committed,
          committedIn: -1,
          unreadable,
          inputLostFrom: null,
          lostTail: accepted,
        };
        expect(startOf(chosen)).toBe(startsAt);
        expect(judgePositions(chosen).startsAt).toBe(startsAt);
      }
    }),
    RUNS,
  );
});

test('a partition that is blocked has a choice or a remedy, and one that runs has neither if it has consumed anything', () => {
  fc.assert(
    fc.property(anyPositions, (positions) => {
      const { verdict, startsAt, choices, remedy } = judgePositions(positions);
      if (verdict === 'nothing consumed yet')
        return expect({ choices: choices.length, remedy }).toEqual({ choices: 1, remedy: null });
      expect([choices.length > 0, remedy !== null].filter(Boolean)).toHaveLength(startsAt === null ? 1 : 0);
    }),
    RUNS,
  );
});

test.each<[Positions, string, [target: string, offset: number | null][], RegExp]>([
  [withState(8, null, 2, 9), 'offset missing', [['state', 8]], /the first 6 records would be skipped/],
  [withState(8, null, 8, 9), 'offset missing', [['state', 8]], /^Nothing is lost, and nothing is announced twice\.$/],
  [
    withState(4, 7, 0, 9),
    'offset differs',
    [['state', 4]],
    /Up to 3 records below the group's present offset are read/,
  ],
  // The state may be behind because the changelog has lost records: what they had announced is announced again.
  [withState(4, 7, 0, 9), 'offset differs', [['state', 4]], /^If an operator has set.*Otherwise .*announced again/],
  // The last transaction may have been aborted at the group's offset and in the topic of announcements.
  [
    withState(7, 4, 7, 9),
    'offset differs',
    [['state', 7]],
    /^If an operator has set .* back, nothing is lost\. Otherwise .*from 4 to 6 may be missing/,
  ],
  [
    withState(4, 4, 6, 9),
    'position outside the log',
    [['log-start', 6]],
    /Up to 2 records \(offsets 4 to 5\) were deleted/,
  ],
  [withState(40, 40, 0, 9), 'position outside the log', [['log-start', 0]], /former log.*from its start: 9 records/],
  [{ ...of(0, 9), committed: 4 }, 'no state', [['log-start', 0]], /9 records at most.*announced again/],
  [
    { ...of(3, 9), formerState: 'it had announced' },
    'no state',
    [['log-start', 0]],
    /6 records at most.*announced again/,
  ],
  // Only an instance knows whether it had state, so an operator can consent before the offset is lost again.
  [of(3, 9), 'nothing consumed yet', [['log-start', 0]], /announced again/],
  [{ ...of(3, 9), committed: 0 }, 'loss accepted', [], /^$/],
  // The offset of a partition that never had a record, after its changelog was lost.
  [{ ...of(3, 9), committed: 0, committedIn: 2 }, 'nothing consumed yet', [['log-start', 0]], /announced again/],
  [{ ...of(3, 9), committed: 3 }, 'no state', [['log-start', 0]], /manifest is below offset 3 may never be announced/],
])('%j: %s', (positions, verdict, choices, loses) => {
  const judged = judgePositions(positions);
  expect(judged.verdict).toBe(verdict);
  expect(judged.choices.map((choice) => [choice.target, choice.offset])).toEqual(choices);
  expect(judged.choices[0]?.loses ?? '').toMatch(loses);
});

test.each<[Positions, string]>([
  [{ ...of(3, 9), committed: 0, formerState: 'it had announced' }, 'no state'],
  [withState(40, 3, 3, 9), 'position outside the log'],
  [{ ...withState(4, 6, 0, 9), unreadable: { firstOffset: 4, nextOffset: 6 } }, 'offset differs'],
])('an offset that a transaction of the processor has committed is not a consent: %j', (positions, verdict) => {
  expect(judgePositions({ ...positions, committedIn: 2 }).verdict).toBe(verdict);
  expect(judgePositions({ ...positions, committedIn: -1 }).startsAt).toBe(
    positions.committed === 0 ? 3 : positions.committed,
  );
});

test('a recreated input is read from its start, whatever position the state has, and only after consent', () => {
  fc.assert(
    fc.property(fc.tuple(offset, offset, offset), fc.option(offset), ([position, start, length], committed) => {
      const recreated = { ...withState(position, committed, start, start + length), inputRecreated: true };
      const { startsAt, choices } = judgePositions(recreated);
      if (committed === start) expect(startsAt).toBe(start);
      else expect(choices).toMatchObject([{ target: 'log-start', offset: start, startsAt: start }]);
    }),
  );
});

test('no offset is offered for a changelog that lost records', () => {
  const { verdict, choices, remedy } = judgePositions({ ...withState(4, null, 0, 9), changelogStart: 2 });
  expect({ verdict, choices }).toEqual({ verdict: 'changelog incomplete', choices: [] });
  expect(remedy).toContain('The changelog is lost');
});

test('no offset is offered for a changelog that lost the end of a transaction, whether it has a position row or not', () => {
  for (const positions of [withState(4, 4, 0, 9), { ...withState(4, 4, 0, 9), changelog: null }]) {
    const { verdict, choices, remedy } = judgePositions({ ...positions, changelogCut: true });
    expect({ verdict, choices }).toEqual({ verdict: 'changelog cut', choices: [] });
    expect(remedy).toContain('The changelog is lost');
  }
});

test('a partition that is being moved, or has the state of another topic, offers no choice but a remedy', () => {
  const moving = judgePositions(withState(4, encodeRepartitionMark({ from: 2, to: 4, moved: false }), 0, 9));
  expect(moving).toMatchObject({ verdict: 'repartition mark', startsAt: null, choices: [] });
  expect(moving.remedy).toContain('company-sync repartition');
  const other = { ...withState(4, 4, 0, 9), changelog: { topic: 'other', offset: 4, countedUnder: 1 } };
  expect(judgePositions(other)).toMatchObject({ verdict: 'state of another topic', startsAt: null, choices: [] });
});

test('a batch that cannot be read can be skipped, and only to where the next one begins', () => {
  const unreadable = { firstOffset: 4, nextOffset: 9 };
  const at = (committed: number) => judgePositions({ ...withState(4, committed, 0, 20), unreadable });
  expect(at(4)).toMatchObject({
    verdict: 'batch unreadable',
    startsAt: null,
    choices: [{ target: 'after-batch', offset: 9, startsAt: 9 }],
  });
  expect(at(9)).toMatchObject({ verdict: 'batch skipped', startsAt: 9 });
  for (const other of [5, 8, 10, 20]) expect(at(other)).toMatchObject({ verdict: 'offset differs', startsAt: null });
  expect(judgePositions({ ...withState(4, 9, 0, 20), unreadable: null })).toMatchObject({ verdict: 'offset differs' });
});

test('a batch whose end is unknown offers no offset: any offset could skip intact records', () => {
  const unreadable = { firstOffset: 4, nextOffset: null };
  const at = (committed: number) => judgePositions({ ...withState(4, committed, 0, 20), unreadable });
  expect(at(4)).toMatchObject({ verdict: 'batch unreadable', startsAt: null, choices: [] });
  expect(at(4).remedy).toContain('another replica lead');
  expect(at(9)).toMatchObject({ verdict: 'offset differs', startsAt: null });
});

test('an input that has lost consumed records blocks the partition, and the choice names the skipped records', () => {
  const { verdict, startsAt, choices } = judgePositions({ ...withState(9, 9, 0, 20), inputLostFrom: 6 });
  expect({ verdict, startsAt }).toEqual({ verdict: 'input lost records', startsAt: null });
  expect(choices).toMatchObject([{ target: 'state', offset: 9, startsAt: 9 }]);
  expect(choices[0]?.loses).toMatch(/from offset 6 to 8 .*The 3 records that have these offsets now are skipped/);
});

describe('an input that has lost consumed records', () => {
  const lost = (positions: Positions, inputLostFrom: number) => judgePositions({ ...positions, inputLostFrom });
  const lossOf = (judged: ReturnType<typeof judgePositions>) => judged.choices[0]?.loses ?? '';

  test('and ends below the position does not count as a new log: waiting is better than reading everything again', () => {
    const judged = lost(withState(40, 40, 2, 30), 20);
    expect(judged).toMatchObject({ verdict: 'input lost records', choices: [{ target: 'log-start', offset: 2 }] });
    expect(lossOf(judged)).toMatch(
      /offset 20 to 39 .*ends at offset 30 now.*28 records at most.*below offset 20 before/,
    );
    expect(lossOf(judged)).toMatch(/may be announced early.*wait until the log has grown past offset 40.* --to state/);
    expect(lossOf(judged)).not.toMatch(/former log/);
    expect(lost(withState(40, 40, 2, 41), 20)).toMatchObject({ choices: [{ target: 'state', offset: 40 }] });
  });

  test('is not reported as such if it is another topic: the message would contradict itself', () => {
    for (const end of [9, 60]) {
      const recreated = { ...withState(40, 40, 0, end), inputRecreated: true, inputLostFrom: 5 };
      expect(judgePositions(recreated).verdict).toBe('input recreated');
      expect(() => startOffset(recreated)).toThrow(/not the topic that the state was built from/);
      expect(() => startOffset(recreated)).not.toThrow(/has lost the consumed records/);
    }
  });

  test('is reported, whatever else is wrong: no choice claims that nothing is lost', () => {
    for (const committed of [null, 7, 12]) {
      const judged = lost(withState(9, committed, 0, 20), 6);
      expect(judged.choices).toMatchObject([{ target: 'state', offset: 9 }]);
      expect(lossOf(judged)).toMatch(
        /lost the records .* from offset 6 to 8 .*The 3 records that have these offsets now/,
      );
      expect(lossOf(judged)).not.toMatch(/^Nothing is lost/);
    }
    expect(lossOf(lost(withState(9, 12, 0, 20), 10))).not.toContain('The brokers have lost the records');
  });

  test('is judged before a batch that cannot be read: skipping that would hide the loss', () => {
    const unreadable = { firstOffset: 9, nextOffset: 12 };
    expect(lost({ ...withState(9, 9, 0, 20), unreadable }, 6).verdict).toBe('input lost records');
    expect(judgePositions({ ...withState(9, 9, 0, 20), unreadable }).verdict).toBe('batch unreadable');
  });
});
