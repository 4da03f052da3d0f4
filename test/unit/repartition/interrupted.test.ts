/** A repartitioning that is interrupted, or disturbed by others: no company loses its state, and no loss is accepted. */
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import { encodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';
import { RepartitionRefusedError } from '../../../src/repartition/before-fencing.js';
import { FakeDeployment, KilledError } from './fake-deployment.js';

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];
const FROM = 2;
const TO = 3;

const homesAmong = (count: number) =>
  Array.from({ length: count }, (_, partition) =>
    IDS.filter((id) => partitionOfKey(Buffer.from(id), count) === partition),
  );
const consumedAll = () => new FakeDeployment(homesAmong(FROM));

function expectMoved(deployment: FakeDeployment, to = TO): void {
  expect(deployment.companies()).toEqual(homesAmong(to));
  expect(deployment.isMarked()).toBe(false);
  expect([...deployment.offsets.values()].map(({ offset }) => offset)).toEqual(deployment.positions());
}

/** Whether a run has changed nothing in the end. */
function expectAsBefore(deployment: FakeDeployment): void {
  expect(deployment.input).toHaveLength(FROM);
  expect(deployment.companies()).toEqual(homesAmong(FROM));
  expect(deployment.isMarked()).toBe(false);
}

async function expectRefused(run: Promise<Error | null>, ...words: string[]): Promise<void> {
  const error = await run;
  expect(error).toBeInstanceOf(RepartitionRefusedError);
  for (const word of words) expect(error?.message).toContain(word);
}

test('without an interruption, each row is in the partition of its key, and nothing is consumed twice', async () => {
  const deployment = consumedAll();
  expect(await deployment.run(TO)).toBeNull();
  expectMoved(deployment);
  expect(deployment.positions()).toEqual([5, 5, 0]);
});

test('killed before or after any change, and run again, it finishes', async () => {
  let kill = 0;
  for (; ; kill++) {
    const deployment = new FakeDeployment(homesAmong(1));
    const first = await deployment.run(2, kill);
    if (first === null) break;
    expect(first).toBeInstanceOf(KilledError);
    expect(await deployment.run(2)).toBeNull();
    expectMoved(deployment, 2);
  }
  expect(kill).toBeGreaterThan(30);
});

describe('records that are written after everything was consumed', () => {
  const failsToGrow = (name: string) => {
    if (name === 'grow input') throw new Error('the controller is gone');
  };

  test('before the input has grown: the offsets are put back, and it succeeds once they are consumed', async () => {
    const deployment = new FakeDeployment([...homesAmong(FROM).slice(0, 1), undefined]);
    const { offsets } = deployment;
    const before = new Map(offsets);
    deployment.afterCall = (name) => {
      if (name === 'set offsets' && deployment.input[0] === 5) deployment.input[0] = 7;
    };
    await expectRefused(deployment.run(TO), 'input/0 is consumed up to 5 and ends at 7', 'were put back');
    expect(offsets).toEqual(before);
    expect(deployment.input).toHaveLength(FROM);

    deployment.afterCall = () => undefined;
    deployment.consume(0);
    expect(await deployment.run(TO)).toBeNull();
    expect(deployment.positions()).toEqual([7, 0, 0]);
  });

  test('between two runs: the second run does not grow the input over them', async () => {
    const deployment = consumedAll();
    deployment.beforeCall = failsToGrow;
    expect(await deployment.run(TO)).not.toBeNull();
    expect(deployment.isMarked()).toBe(true);
    deployment.beforeCall = () => undefined;
    deployment.input[0] = 7;
    await expectRefused(deployment.run(TO), 'input/0 is consumed up to 5 and ends at 7', 'were put back');
    expectAsBefore(deployment);
  });

  test.each(['grow input', 'grow changelog', 'commit'])(
    'after `%s`: every run is refused, and the partitions stay stopped',
    async (when) => {
      const deployment = consumedAll();
      deployment.afterCall = (name) => {
        if (name === when) deployment.input[1] = 6;
      };
      for (let run = 1; run <= 3; run++)
        await expectRefused(deployment.run(TO), 'input/1 was consumed up to 5 and ends at 6', 'you must begin again');
      expect(deployment.isMarked()).toBe(true);
    },
  );

  test('a run that finds them after an interruption moves nothing more', async () => {
    const deployment = consumedAll();
    deployment.afterCall = failsToGrow; // It has grown, and the answer is lost.
    expect(await deployment.run(TO)).not.toBeNull();
    deployment.afterCall = () => undefined;
    deployment.input[0] = 7;
    await expectRefused(deployment.run(TO), 'ends at 7', 'you must begin again');
    expect(deployment.changelog).toHaveLength(FROM);
    expect(deployment.isMarked()).toBe(true);
  });
});

test('rows that were lost are noticed by every later run too', async () => {
  const deployment = consumedAll();
  deployment.afterCall = (name) => {
    if (name === 'commit') deployment.changelog[TO - 1] = [];
  };
  expect((await deployment.run(TO))?.message).toContain('rows were lost');
  deployment.afterCall = () => undefined;
  await expectRefused(deployment.run(null), `there were ${IDS.length} rows`, 'you must begin again');
  await expectRefused(deployment.run(null), `there were ${IDS.length} rows`);
  expect(deployment.isMarked()).toBe(true);
});

test('a partition that has lost its position row stays stopped', async () => {
  const deployment = consumedAll();
  deployment.afterCall = (name) => {
    const log = deployment.changelog[0] ?? [];
    // The last position row is removed, so an older one counts.
    if (name === 'commit') for (const record of log) if (record.key.equals(position)) record.value = olderPosition;
  };
  const position = deployment.changelog[0]?.at(-1)?.key as Buffer;
  const older = new FakeDeployment([[]]);
  older.input[0] = 4;
  older.consume(0);
  const olderPosition = older.changelog[0]?.at(-1)?.value as Buffer;
  expect((await deployment.run(TO))?.message).toContain(
    'changelog/0 has position 4, and the input was consumed up to 5',
  );
  expect(deployment.isMarked()).toBe(true);
});

describe('a move that brokers have left open', () => {
  test('is committed again by the next run, and nothing is lost', async () => {
    const deployment = consumedAll();
    deployment.skipped.add(TO - 1);
    expect((await deployment.run(TO))?.message).toContain('still open: changelog/2');
    expect(deployment.isMarked()).toBe(true);
    deployment.skipped.clear();
    expect(await deployment.run(TO)).toBeNull();
    expect(deployment.repeatedEnds).toBeGreaterThan(0);
    expectMoved(deployment);
  });

  test('keeps the marks while it cannot be ended', async () => {
    const deployment = consumedAll();
    deployment.skipped.add(TO - 1);
    deployment.canBeEnded = false;
    for (let run = 1; run <= 2; run++) expect(await deployment.run(TO)).not.toBeNull();
    expect(deployment.isMarked()).toBe(true);
  });

  test('keeps the marks if it is found only after all partitions have moved', async () => {
    const deployment = consumedAll();
    let commits = 0;
    deployment.afterCall = (name) => {
      const record = deployment.changelog[0]?.at(-1);
      if (name === 'commit' && ++commits === TO && record !== undefined) record.openIn = 'another producer';
    };
    expect((await deployment.run(TO))?.message).toContain('changelog/0 has a transaction open');
    expect(deployment.isMarked()).toBe(true);
  });
});

test('if an instance has run while the rows were counted, they are counted again', async () => {
  const deployment = consumedAll();
  let hasRun = false;
  deployment.afterCall = (name) => {
    if (name !== 'set offsets' || hasRun) return;
    hasRun = true;
    const record = deployment.changelog[0]?.[0];
    if (record !== undefined) deployment.changelog[0]?.push({ ...record });
  };
  expect((await deployment.run(TO))?.message).toContain('an instance has run');
  expect(await deployment.run(TO)).toBeNull();
  expectMoved(deployment);
});

test('while an instance is in the group, the marks stay', async () => {
  const deployment = consumedAll();
  deployment.afterCall = (name) => {
    if (name === 'commit') deployment.members = ['a member'];
  };
  expect((await deployment.run(TO))?.message).toContain('stop all instances first');
  expect(deployment.isMarked()).toBe(true);
  deployment.members = [];
  deployment.afterCall = () => undefined;
  expect(await deployment.run(null)).toBeNull();
  expectMoved(deployment);
});

test('a repartitioning that an earlier release has begun is not continued', async () => {
  const deployment = consumedAll();
  const offset = encodeRepartitionMark({ from: FROM, to: TO, moved: false });
  for (let partition = 0; partition < FROM; partition++) deployment.offsets.set(partition, { offset });
  await expectRefused(deployment.run(null), 'with the command of that release');
  expect(deployment.offsets.get(0)).toEqual({ offset });
});
