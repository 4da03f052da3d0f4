/** A repartitioning that is interrupted, or disturbed by others: no company loses its state, and no loss is accepted. */
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import { encodeRepartitionMark } from '../../../src/pipeline/repartition-mark.js';
import { RepartitionRefusedError } from '../../../src/repartition/before-fencing.js';
import { mustStay } from '../../../src/repartition/unread-records.js';
import { VOCABULARY } from '../../../src/domain/statuses.js';
import { ByteWriter } from '../../../src/lib/byte-writer.js';
import { writePositionRow } from '../../../src/store/row-codec.js';
import { isPositionKey, POSITION_KEY } from '../../../src/store/row-keys.js';
import { FakeDeployment, KilledError } from './fake-deployment.js';

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];
const FROM = 2;
const TO = 3;

const homesAmong = (count: number) =>
  Array.from({ length: count }, (_, partition) =>
    IDS.filter((id) => partitionOfKey(Buffer.from(id), count) === partition),
  );
/** A company whose key leads to these partitions, by the old and by the new number. */
function companyOf(from: number, to: number): string {
  const ids = Array.from({ length: 100 }, (_, i) => `company-${i}`);
  const home = (id: string, count: number) => partitionOfKey(Buffer.from(id), count);
  return ids.find((id) => home(id, FROM) === from && home(id, TO) === to) ?? '';
}
const consumedAll = () => new FakeDeployment(homesAmong(FROM));

function expectMoved(deployment: FakeDeployment, to = TO): void {
  expect(deployment.companies()).toEqual(homesAmong(to));
  expect(deployment.isMarked()).toBe(false);
  expect([...deployment.offsets.values()].map(({ offset }) => offset)).toEqual(deployment.positions());
  for (const log of deployment.changelog) expect(isPositionKey(log.at(-1)!.key)).toBe(true);
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

  describe('after the input has grown', () => {
    /** A company whose key leads to partition 1 by both numbers of partitions, and one that moves from there. */
    const [stays, moves] = [companyOf(1, 1), companyOf(1, TO - 1)];
    const growsAndFails = (name: string) => {
      if (name === 'grow input') throw new Error('the answer is lost');
    };
    /** Interrupted after the input has grown. */
    const interrupted = async () => {
      const deployment = consumedAll();
      deployment.afterCall = growsAndFails;
      expect(await deployment.run(TO)).not.toBeNull();
      deployment.afterCall = () => undefined;
      return deployment;
    };
    test('the next run continues if their keys lead to the partitions that they are in', async () => {
      const deployment = await interrupted();
      deployment.write(1, stays, null, '', stays);
      deployment.write(0, companyOf(1, 0));
      deployment.write(TO - 1, moves);
      expect(await deployment.run(TO)).toBeNull();
      expectMoved(deployment);
      // They are consumed when the partitions run again.
      expect(deployment.positions()).toEqual([5, 5, 0]);
      expect(deployment.said).toContain('the records of input/1 from offset 5 to 8 stay: their keys lead there');
    });

    test.each<[string, readonly string[], number]>([
      ['the first', [moves, stays], 5],
      ['a later one', [stays, moves, stays], 6],
    ])('every run is refused if a key leads elsewhere: %s', async (_which, keys, offset) => {
      const deployment = await interrupted();
      deployment.write(1, ...keys);
      deployment.inputRead = [];
      for (let run = 1; run <= 3; run++)
        await expectRefused(
          deployment.run(TO),
          `input/1 has a record at offset ${offset}`,
          `partition ${TO - 1} of ${TO}`,
          'you must begin again',
        );
      // Nothing was moved, and nothing was read beyond that record.
      expect(deployment.changelog).toHaveLength(FROM);
      expect(deployment.isMarked()).toBe(true);
      expect(deployment.inputRead).not.toContain(`1/${offset + 1}`);
    });

    test('a record of a new partition must belong there too, because the input may have grown twice', async () => {
      const deployment = await interrupted();
      deployment.write(TO - 1, stays);
      await expectRefused(deployment.run(TO), 'input/2 has a record at offset 0', 'you must begin again');
    });

    test('while a transaction is open, its keys are unknown: it continues when the transaction has ended', async () => {
      const deployment = await interrupted();
      deployment.write(1, stays, stays);
      deployment.openInput.set(1, 1);
      await expectRefused(deployment.run(TO), 'input/1 has a transaction open from offset 6', 'has ended');
      deployment.openInput.clear();
      expect(await deployment.run(TO)).toBeNull();
      expectMoved(deployment);
    });

    test.each([
      ['were deleted', 6, 5],
      ['were lost at the end of the log', 0, -1],
    ])('it is refused if records %s', async (_how, start, more) => {
      const deployment = await interrupted();
      deployment.input[1] = 5 + more;
      deployment.inputStarts.set(1, start);
      await expectRefused(deployment.run(TO), `input/1 was consumed up to 5`, 'are lost', 'you must begin again');
    });

    test.each([
      ['more records', { records: 2, bytes: 100 }],
      ['more bytes', { records: 100, bytes: 2 * Buffer.byteLength(companyOf(1, 1)) }],
      ['more bytes of headers', { records: 100, bytes: 2 * (Buffer.byteLength(companyOf(1, 1)) + 1_000) }, 1_000],
    ])('a check reads no %s than its limit', async (_what, limits, headerBytes = 0) => {
      const deployment = await interrupted();
      if (headerBytes > 0) deployment.inputHeaders = [{ key: 'h', value: Buffer.alloc(headerBytes - 1) }];
      deployment.write(1, stays, stays, stays);
      deployment.inputRead = [];
      const check = mustStay(deployment.ports(), { to: TO }, [5, 5], limits);
      await expectRefused(
        check.then(
          () => null,
          (error: unknown) => error as Error,
        ),
        `more than ${limits.records} records or ${limits.bytes} bytes of input`,
        'it stopped at input/1, offset 7',
        'you must begin again',
      );
    });

    test.each(['grow input', 'grow changelog', 'commit'])(
      'a run during which they are written, after `%s`, is refused: the next one continues',
      async (when) => {
        const deployment = consumedAll();
        let isWritten = false;
        deployment.afterCall = (name) => {
          if (name === when && !isWritten) deployment.write(1, stays);
          isWritten ||= name === when;
        };
        await expectRefused(
          deployment.run(TO),
          'input/1 ended at 5 in this run, and ends at 6 now',
          'Stop all writers',
        );
        expect(deployment.isMarked()).toBe(true);
        expect(await deployment.run(TO)).toBeNull();
        expectMoved(deployment);
        expect(deployment.positions()).toEqual([5, 5, 0]);
      },
    );

    test.each(['grow input', 'grow changelog', 'commit'])(
      'after `%s`, one whose key leads elsewhere: every run is refused, and the partitions stay stopped',
      async (when) => {
        const deployment = consumedAll();
        let isWritten = false;
        deployment.afterCall = (name) => {
          if (name === when && !isWritten) deployment.write(1, moves);
          isWritten ||= name === when;
        };
        for (let run = 1; run <= 3; run++)
          await expectRefused(deployment.run(TO), 'input/1 has a record at offset 5', 'you must begin again');
        expect(deployment.isMarked()).toBe(true);
      },
    );
  });
});

describe('everything is checked before anything is changed', () => {
  const changes: string[] = [];
  const watched = (deployment: FakeDeployment) => {
    changes.length = 0;
    deployment.beforeCall = (name) => changes.push(name);
    return deployment;
  };
  /** The input has one more partition: others have added it. */
  const grownByOthers = () => {
    const deployment = consumedAll();
    deployment.input.push(0);
    return watched(deployment);
  };
  /** A company whose key leads to the partition that others have added, and to another one by TO + 2 partitions. */
  const moves = Array.from({ length: 100 }, (_, i) => `company-${i}`).find(
    (id) => partitionOfKey(Buffer.from(id), TO) === TO - 1 && partitionOfKey(Buffer.from(id), TO + 2) !== TO - 1,
  ) as string;

  test('a record of a partition that others have added: the input does not grow over it', async () => {
    const deployment = grownByOthers();
    deployment.write(TO - 1, moves);
    const instead = `run \`company-sync repartition --partitions ${TO}\``;
    await expectRefused(deployment.run(TO + 2), 'input/2 has a record at offset 0', instead);
    expect(changes).toEqual([]);
    expect(await deployment.run(TO)).toBeNull();
    expectMoved(deployment);
  });

  test('a record that comes between two runs: the second one does not grow the input over it, and leaves no mark', async () => {
    const deployment = grownByOthers();
    deployment.beforeCall = (name) => {
      if (name === 'grow input') throw new Error('the controller is gone');
    };
    expect(await deployment.run(TO + 2)).not.toBeNull();
    expect(deployment.isMarked()).toBe(true);
    deployment.write(TO - 1, moves);
    const instead = `run \`company-sync repartition --partitions ${TO}\``;
    await expectRefused(deployment.run(TO + 2), 'input/2 has a record at offset 0', instead);
    expect(deployment.isMarked()).toBe(false);
    deployment.beforeCall = () => undefined;
    expect(await deployment.run(TO)).toBeNull();
    expectMoved(deployment);
  });

  test('a record that leads elsewhere by each number: nothing is changed', async () => {
    const deployment = grownByOthers();
    deployment.write(TO - 1, companyOf(1, 1));
    await expectRefused(deployment.run(null), 'input/2 has a record at offset 0', 'you must begin again');
    expect(changes).toEqual([]);
  });

  test('a record that comes while the rows are counted: the input does not grow over it', async () => {
    const deployment = grownByOthers();
    let isWritten = false;
    deployment.afterCall = (name) => {
      if (name === 'set offsets' && !isWritten) deployment.write(1, companyOf(1, 1));
      isWritten ||= name === 'set offsets';
    };
    await expectRefused(deployment.run(TO + 2), 'input/1 ');
    expect(deployment.input).toHaveLength(TO);
    expect(deployment.isMarked()).toBe(false);
  });

  test('brokers that allow no more partitions: nothing is changed', async () => {
    const deployment = watched(consumedAll());
    deployment.mayGrow = false;
    expect((await deployment.run(TO))?.message).toBe('a policy forbids it');
    expect(changes).toEqual([]);
  });
});

/** As an instance of this release writes it, once all companies are counted. */
function positionRow(offset: number): Buffer {
  const to = new ByteWriter();
  to.begin();
  writePositionRow(to, { topic: 'input', offset, countedUnder: VOCABULARY });
  return to.end();
}

test('a changelog that has lost the end of a transaction is not moved, and nothing is marked', async () => {
  const deployment = consumedAll();
  const log = deployment.changelog[1]!;
  const row = log[0]!;
  log.push({ key: POSITION_KEY, value: positionRow(5), openIn: null });
  log.push({ ...row });
  await expectRefused(deployment.run(TO), 'changelog/1 has lost the end of a transaction', 'start that instance alone');
  expectAsBefore(deployment);
  // The instance that has all rows has written them again.
  log.push({ key: POSITION_KEY, value: positionRow(5), openIn: null });
  expect(await deployment.run(TO)).toBeNull();
  expectMoved(deployment);
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
