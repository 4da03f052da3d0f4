/** The results and refusals of `company-sync positions`. test/integration/positions has the brokers' part. */
import { SEEN_BY_MOST } from '../../../support/seen-by-most.js';
import { lastRows } from '../../../../src/pipeline/last-rows.js';
import { readPositions, type PositionSources } from '../../../../src/kafka/group/partition-positions.js';
import {
  PositionsRefusedError,
  setPositions,
  type SetPositionsPorts,
} from '../../../../src/kafka/group/set-positions.js';
import { judgePositions, type Positions } from '../../../../src/pipeline/position-choices.js';
import type { LogReader, Logs } from '../../../../src/pipeline/ports.js';
import { NO_HEADERS, type LogRecord, type TopicPartition } from '../../../../src/lib/record.js';
import { ByteWriter } from '../../../../src/lib/byte-writer.js';
import { writeOriginRow, writePositionRow } from '../../../../src/store/row-codec.js';
import { infoKey, ORIGIN_KEY, POSITION_KEY } from '../../../../src/store/row-keys.js';

const TOPIC = 'sync-events';
const CHANGELOG = { topic: 'company-sync-company-state', partition: 0 };

function originRow(row: ReadonlyMap<string, string>): Buffer {
  const to = new ByteWriter();
  to.begin();
  writeOriginRow(to, row);
  return to.end();
}

function positionRow(offset: number): Buffer {
  const to = new ByteWriter();
  to.begin();
  writePositionRow(to, { topic: TOPIC, offset, countedUnder: 1 });
  return to.end();
}

function record(offset: number, key: Buffer, value: Buffer): LogRecord {
  return { offset, timestamp: 0, key, value, headers: NO_HEADERS };
}

const READ_RECORDS = 3;

/** A changelog of these records, which is read a few at a time, and the offsets that were read. */
function changelogOf(records: readonly LogRecord[], end: number, highWatermark = end) {
  const read: number[] = [];
  return {
    read,
    logs: {
      bounds: () => Promise.resolve({ start: 0, end, highWatermark, ...SEEN_BY_MOST }),
      reader: (_: unknown, from: number) => {
        let position = from;
        return {
          close: () => undefined,
          next: () => {
            const some = records.filter(({ offset }) => offset >= position).slice(0, READ_RECORDS);
            read.push(...some.map(({ offset }) => offset));
            position = (some.at(-1)?.offset ?? end - 1) + 1;
            return Promise.resolve({ records: some, nextOffset: position, endOffset: end, leaderEpoch: -1 });
          },
        };
      },
    },
  };
}

describe('the last position row', () => {
  const ignore = () => undefined;

  test('is found at the end of a long changelog, whose beginning is not read', async () => {
    const records = Array.from({ length: 5_000 }, (_, i) => record(i, POSITION_KEY, positionRow(i * 2)));
    records.push(record(5_000, ORIGIN_KEY, originRow(new Map())));
    const { logs, read } = changelogOf(records, 5_001);
    expect((await lastRows(logs, CHANGELOG, ignore)).position).toEqual({
      topic: TOPIC,
      offset: 9_998,
      countedUnder: 1,
    });
    expect(Math.min(...read)).toBeGreaterThan(3_000);
  });

  test('is found before rows that others wrote later, and rows above the end do not count', async () => {
    const rows = Array.from({ length: 3_000 }, (_, i) => record(100 + i, infoKey(`company-${i}`), Buffer.of(1)));
    const records = [record(7, POSITION_KEY, positionRow(1)), record(8, POSITION_KEY, positionRow(2)), ...rows];
    const { logs } = changelogOf([...records, record(3_100, POSITION_KEY, positionRow(3))], 3_100);
    expect((await lastRows(logs, CHANGELOG, ignore)).position).toEqual({ topic: TOPIC, offset: 2, countedUnder: 1 });
  });

  test('is found together with the origin row, which may be far before it, and the log is read once', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => record(i + 1, POSITION_KEY, positionRow(i)));
    const origin = new Map([['input topic id', 'id']]);
    const { logs, read } = changelogOf([record(0, ORIGIN_KEY, originRow(origin)), ...rows], 5_001);
    expect(await lastRows(logs, CHANGELOG, ignore)).toEqual({
      position: { topic: TOPIC, offset: 4_999, countedUnder: 1 },
      origin,
      endsWithPosition: true,
    });
    // A read may go beyond its window, by less than the window's length.
    expect(read.length - new Set(read).size).toBeLessThan(2 * READ_RECORDS);
  });

  test('does not exist if nothing was ever written', async () => {
    expect((await lastRows(changelogOf([], 0).logs, CHANGELOG, ignore)).position).toBeNull();
    expect((await lastRows(changelogOf([], 7).logs, CHANGELOG, ignore)).position).toBeNull();
  });
});

const readable: LogReader = {
  next: () =>
    Promise.resolve({
      records: [record(10, Buffer.of(1), Buffer.of(1))],
      nextOffset: 11,
      endOffset: 100,
      leaderEpoch: 0,
    }),
  close: () => undefined,
};

/** A partition whose state is at `state`. Each look-up of the group's offset returns the next of `committed`. */
function sourcesOf(
  state: number,
  committed: readonly (number | null)[],
  start = 0,
): PositionSources & { looks: number } {
  const { logs } = changelogOf([record(0, POSITION_KEY, positionRow(state))], 2);
  const sources = {
    input: TOPIC,
    changelog: CHANGELOG.topic,
    changelogPartitions: 1,
    changelogLogs: logs,
    looks: 0,
    inputLogs: {
      reader: () => readable,
      bounds: () => Promise.resolve({ start, end: 100, highWatermark: 100, ...SEEN_BY_MOST }),
      committedOffset: () => {
        const offset = committed[Math.min(sources.looks++, committed.length - 1)] ?? null;
        return Promise.resolve(offset === null ? null : { offset, leaderEpoch: -1 });
      },
      endOfEpoch: () => Promise.resolve(null),
    },
    clock: { now: () => 0, delay: () => Promise.resolve() },
    read: () => undefined,
  };
  return sources;
}

describe('of a partition that runs', () => {
  test('a commit during the reads does not count as a difference', async () => {
    expect(await readPositions(sourcesOf(10, [8, 12]), [0], true)).toMatchObject([{ committed: 10 }]);
  });

  test('an offset that is ahead of a changelog whose markers are late is read again', async () => {
    expect(await readPositions(sourcesOf(10, [11, 11, 10, 10]), [0], true)).toMatchObject([{ committed: 10 }]);
  });

  test.each([
    [4, 4],
    [null, null],
    [12, 12],
  ])('an offset that stays different is reported: %p', async (committed, found) => {
    expect(await readPositions(sourcesOf(10, [committed]), [0], true)).toMatchObject([{ committed: found }]);
  });
});

test('a state that was built from a deleted input of the same name is recognised by the topic id', async () => {
  const rows = [
    record(0, ORIGIN_KEY, originRow(new Map([['input topic id', 'former']]))),
    record(1, POSITION_KEY, positionRow(10)),
  ];
  const { logs } = changelogOf(rows, 3);
  const found = async (topicId: string) => {
    const sources = sourcesOf(10, [10]);
    const bounds = () => Promise.resolve({ start: 0, end: 100, highWatermark: 100, ...SEEN_BY_MOST, topicId });
    const inputLogs = { ...sources.inputLogs, bounds };
    const [positions] = await readPositions({ ...sources, changelogLogs: logs, inputLogs }, [0], false);
    return judgePositions(positions as Positions).verdict;
  };
  expect(await found('present')).toBe('input recreated');
  expect(await found('former')).toBe('consistent');
});

test('a partition that the changelog does not have yet has no state', async () => {
  const found = await readPositions(sourcesOf(10, [null]), [1], false);
  expect(found).toMatchObject([{ partition: 1, changelog: null, changelogStart: 0 }]);
});

describe('setting', () => {
  const said: string[] = [];
  const done: unknown[] = [];
  beforeEach(() => {
    said.length = 0;
    done.length = 0;
  });

  function portsOf(sources: PositionSources, more: Partial<SetPositionsPorts> = {}): SetPositionsPorts {
    return {
      ...sources,
      applicationId: 'company-sync',
      group: {
        members: () => Promise.resolve([]),
        setOffsets: (topic, offsets) => Promise.resolve(void done.push([topic, ...offsets])),
      },
      report: (line) => said.push(line),
      consent: () => Promise.resolve(true),
      ...more,
    };
  }

  test('commits the reported choice after consent', async () => {
    expect(await setPositions(portsOf(sourcesOf(10, [null])), [0], 'state')).toBe(true);
    expect(done).toEqual([[TOPIC, [0, 10]]]);
    expect(said[0]).toContain(
      "offset missing: --to state sets the group's offset, which is missing, to 10. Nothing is lost",
    );
  });

  test('changes nothing without consent', async () => {
    const ports = portsOf(sourcesOf(10, [null]), { consent: () => Promise.resolve(false) });
    expect(await setPositions(ports, [0], 'state')).toBe(false);
    expect(done).toEqual([]);
  });

  test('only reports the choices without a target', async () => {
    expect(await setPositions(portsOf(sourcesOf(10, [null]), { consent: fail }), [0], null)).toBe(false);
    expect(said[0]).toContain('--to state sets');
    expect(done).toEqual([]);
  });

  test('leaves a partition that the target does not fit, and reports what fits', async () => {
    expect(await setPositions(portsOf(sourcesOf(10, [10], 20)), [0], 'state')).toBe(false);
    expect(said).toEqual([expect.stringContaining('but --partition 0 --to log-start is')]);
    expect(done).toEqual([]);
  });

  test('leaves a partition that can run', async () => {
    expect(await setPositions(portsOf(sourcesOf(10, [10])), [0], 'log-start')).toBe(true);
    expect(said).toEqual([expect.stringContaining('nothing to set')]);
    expect(done).toEqual([]);
  });

  test('consents for a partition of which nothing is known only if that is asked for', async () => {
    const sources = sourcesOf(10, [null]);
    const { logs } = changelogOf([], 0);
    const ports = portsOf({ ...sources, changelogLogs: logs });
    expect(await setPositions(ports, [0], 'state')).toBe(true);
    expect(said).toEqual([expect.stringContaining('nothing consumed yet: nothing to set')]);
    expect(done).toEqual([]);
    expect(await setPositions(ports, [0], 'log-start')).toBe(true);
    expect(said[1]).toContain(
      "--to log-start sets the group's offset, which is missing, to 0. The state is built again",
    );
    expect(done).toEqual([[TOPIC, [0, 0]]]);
  });

  test('is refused while the group has members, and names them before it asks', async () => {
    const group = { members: () => Promise.resolve(['a on host 10.0.0.7']), setOffsets: fail };
    const refused = setPositions(portsOf(sourcesOf(10, [null]), { group, consent: fail }), [0], 'state');
    await expect(refused).rejects.toThrow(PositionsRefusedError);
    await expect(refused).rejects.toThrow(/has 1 member: stop all instances first.*a on host 10\.0\.0\.7/);
  });

  test('is refused if the positions have changed before the consent', async () => {
    const refused = setPositions(portsOf(sourcesOf(10, [null, null, 10])), [0], 'state');
    await expect(refused).rejects.toThrow('partition 0 has changed meanwhile');
    expect(done).toEqual([]);
  });

  test.each(['input', 'changelog'])('is refused while too few brokers name the leader of the %s', async (log) => {
    const sources = sourcesOf(10, [null]);
    const few = (logs: { bounds: Logs['bounds'] }) => async (partition: TopicPartition) => ({
      ...(await logs.bounds(partition)),
      byMost: false,
    });
    const { inputLogs, changelogLogs } = sources;
    const stale = {
      ...sources,
      inputLogs: log === 'input' ? { ...inputLogs, bounds: few(inputLogs) } : inputLogs,
      changelogLogs: log === 'changelog' ? { ...changelogLogs, bounds: few(changelogLogs) } : changelogLogs,
    };
    const refused = setPositions(portsOf(stale, { consent: fail }), [0], 'state');
    await expect(refused).rejects.toThrow('too few brokers answer');
    expect(done).toEqual([]);
  });

  test('is refused while a transaction is open in the changelog: a later position may follow', async () => {
    const sources = sourcesOf(10, [null]);
    const { logs } = changelogOf([record(0, POSITION_KEY, positionRow(10))], 2, 5);
    const refused = setPositions(portsOf({ ...sources, changelogLogs: logs }, { consent: fail }), [0], 'state');
    await expect(refused).rejects.toThrow('a transaction is open in company-sync-company-state/0 from offset 2');
    expect(done).toEqual([]);
  });
});

function fail(): never {
  throw new Error('nothing should be asked or changed');
}
