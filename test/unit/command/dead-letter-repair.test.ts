/** Which companies the repair of a dead letter releases. Any producer can write a `repairs` header. */
import { DeadLetterDigests } from '../../../src/command/original-record.js';
import type { DeadLetterDesk } from '../../../src/command/dead-letter-desk.js';
import type { ReadDeadLetters } from '../../../src/command/dead-letter-collector.js';
import { RefusedError, repairOf, repairOne, send, type Repairs } from '../../../src/command/dead-letter-repair.js';
import type { Original } from '../../../src/command/original-record.js';
import { RepairAttempts } from '../../../src/command/repair-attempts.js';
import type { RepairSender } from '../../../src/command/repair-sender.js';
import type { RunningInstances } from '../../../src/command/running-instances.js';
import type { InputEvent } from '../../../src/domain/events.js';
import type { RecordTo } from '../../../src/kafka/topics/record-sender.js';
import type { RecordToWrite } from '../../../src/lib/record.js';
import { idOf, type DeadLetter } from '../../../src/publish/dead-letter.js';

/**
 * Dead letters as `5 victim undecodable` or `9 acme unknown-schema repairs 5`: offset, key, code, and the record that
 * it should repair.
 */
function deadLettersOf(...described: readonly string[]): ReadDeadLetters {
  const attempts = new RepairAttempts(() => true);
  const deadLetters = described.map((line): DeadLetter => {
    const [offset = '', key = '', code = '', , ...targets] = line.split(' ');
    const headers = targets.map((target) => ({ key: 'repairs', value: Buffer.from(`0/${target}`) }));
    return {
      topic: 'sync-events',
      partition: 0,
      offset: Number(offset),
      code,
      message: '',
      timestamp: 0,
      writtenAt: 0,
      key: Buffer.from(key),
      value: null,
      headers,
    };
  });
  for (const deadLetter of deadLetters) attempts.add(deadLetter);
  return {
    deadLetters,
    attempts,
    badRecords: new DeadLetterDigests(),
    companies: new Map(deadLetters.map((deadLetter) => [idOf(deadLetter), String(deadLetter.key)])),
    timestamps: new Map(deadLetters.map((deadLetter) => [idOf(deadLetter), deadLetter.timestamp])),
    mismatched: new Set(deadLetters.filter(({ code }) => code === 'key-mismatch').map(idOf)),
    incomplete: null,
  };
}

const RECORD: RecordToWrite = { key: Buffer.from('acme'), value: Buffer.from('v'), headers: [] };
const ABOUT_ACME: InputEvent = {
  companyId: 'acme',
  clientId: 'c',
  offset: 0,
  timestamp: 0,
  repairs: [],
  payload: { kind: 'deleted' },
};

function repairs(read: ReadDeadLetters, offset: number, force = false) {
  const deadLetter = read.deadLetters.find((one) => one.offset === offset) as DeadLetter;
  const repair = repairOf(deadLetter, ABOUT_ACME, RECORD, read, force);
  return { replaced: [...repair.replaced], others: Object.fromEntries(repair.others), repair };
}

test('a dead letter whose header names a record of another company is refused, and the company is named', () => {
  const read = deadLettersOf('5 victim undecodable', '9 acme unknown-schema repairs 5');
  expect(() => repairs(read, 9)).toThrow(RefusedError);
  expect(() => repairs(read, 9)).toThrow(/names record 0\/5, which holds company victim: .*dead-letters show 0\/5/);
  expect(repairs(read, 9, true)).toMatchObject({ replaced: ['0/9', '0/5'], others: { victim: ['0/5'] } });
});

test('a dead letter that leads to another company through a second record is refused', () => {
  const read = deadLettersOf(
    '5 victim undecodable',
    '7 acme unknown-schema repairs 5',
    '9 acme unknown-schema repairs 7',
  );
  expect(() => repairs(read, 9)).toThrow('company victim');
});

test('a record of another company that claims to repair a dead letter stays open, and the dead letter is repaired', () => {
  const read = deadLettersOf('5 acme unknown-schema', '7 acme undecodable repairs 5', '9 victim undecodable repairs 5');
  expect(repairs(read, 5)).toMatchObject({ replaced: ['0/5', '0/7'], others: {} });
  expect(repairs(read, 5, true)).toMatchObject({ replaced: ['0/5', '0/7', '0/9'], others: { victim: ['0/9'] } });
});

test('the company of a key that did not fit is released, also by the repair of a failed repair', () => {
  const read = deadLettersOf('5 held key-mismatch', '9 acme unknown-schema repairs 5');
  expect(repairs(read, 9)).toMatchObject({ replaced: ['0/9', '0/5'], others: { held: ['0/5'] } });
  expect(repairs(deadLettersOf('5 held undecodable'), 5)).toMatchObject({
    replaced: ['0/5'],
    others: { held: ['0/5'] },
  });
});

test('each company that is released is printed, with the records', async () => {
  const read = deadLettersOf(
    '5 held key-mismatch',
    '6 held key-mismatch repairs 5',
    '9 acme unknown-schema repairs 5 6',
  );
  const [sent, lines]: [RecordTo[], string[]] = [[], []];
  const sender: Partial<RepairSender> = {
    inputPartitions: () => Promise.resolve(1),
    send: (records) => Promise.resolve(void sent.push(...records)),
    releaseOf: (companyId) => Promise.resolve({ key: Buffer.from(companyId), value: null, headers: [] }),
  };
  const explanation = () =>
    Promise.resolve({ holds: [{ record: '0/5' }, { record: '0/6' }], clientId: 'k', asOf: { partition: 0 } });
  const at = {
    desk: {} as DeadLetterDesk,
    sender: sender as RepairSender,
    instances: { explanation } as unknown as RunningInstances,
    print: (line: string) => void lines.push(line),
  } satisfies Repairs;
  await send(at, repairs(read, 9).repair, null);
  expect(sent.map(({ key }) => String(key))).toEqual(['acme', 'held']);
  expect(lines).toEqual([
    '0/9: sent a repair for company acme, which also replaces 0/5, 0/6',
    '0/9: released company held: 0/5, 0/6 had its key, but belong to another company',
  ]);
});

test('a repair that would replace more records than one record can name is refused', () => {
  const targets = Array.from({ length: 10_000 }, (_, i) => String(i));
  const read = deadLettersOf(`20000 acme undecodable repairs ${targets.join(' ')}`);
  expect(() => repairs(read, 20_000)).toThrow("company-sync dead-letters release --why 'the reason' acme");
});

test.each([99, 1, -1, 0.5])(
  'nothing is sent to partition %p of an answer if the input does not have it',
  async (partition) => {
    const read = deadLettersOf('5 held key-mismatch');
    const sent: RecordTo[] = [];
    const sender: Partial<RepairSender> = {
      inputPartitions: () => Promise.resolve(1),
      send: (records) => Promise.resolve(void sent.push(...records)),
      releaseOf: (companyId) => Promise.resolve({ key: Buffer.from(companyId), value: null, headers: [] }),
    };
    const explanation = () => Promise.resolve({ holds: [{ record: '0/5' }], clientId: 'k', asOf: { partition } });
    const at = {
      desk: {} as DeadLetterDesk,
      sender: sender as RepairSender,
      instances: { explanation } as unknown as RunningInstances,
      print: () => undefined,
    } satisfies Repairs;
    await expect(send(at, repairs(read, 5).repair, null)).rejects.toThrow(
      `an instance answered that company held is in partition ${partition}, but the input has 1 partitions`,
    );
    expect(sent).toEqual([]);
  },
);

describe('repair of one dead letter', () => {
  /** What is sent for dead letter 5 of company acme, and what is printed. */
  async function repaired(kind: 'deleted' | 'manifest', original: Original, flags: Partial<Flags>, answer?: boolean) {
    const [sent, lines, questions]: [RecordTo[], string[], string[]] = [[], [], []];
    const read = deadLettersOf('5 acme unknown-schema');
    const [deadLetter] = read.deadLetters as [DeadLetter];
    const payload = kind === 'deleted' ? { kind } : MANIFEST;
    const desk: Partial<DeadLetterDesk> = {
      readOne: () => Promise.resolve({ ...read, deadLetter, original }),
      readAgain: () => Promise.resolve([{ ...ABOUT_ACME, payload }]),
      refusalOf: () => Promise.resolve(null),
    };
    const sender: Partial<RepairSender> = {
      inputPartitions: () => Promise.resolve(1),
      send: (records) => Promise.resolve(void sent.push(...records)),
    };
    const tools = {
      desk: desk as DeadLetterDesk,
      sender: sender as RepairSender,
      instances: {} as RunningInstances,
      print: (line: string) => void lines.push(line),
    } satisfies Repairs;
    const consent = (question: string) => {
      questions.push(question);
      return Promise.resolve(answer ?? false);
    };
    const again = 'company-sync dead-letters repair 0/5';
    const exitCode = await repairOne(tools, '0/5', { ...NO_FLAGS, ...flags }, again, consent);
    return { exitCode, sent: sent.length, lines: lines.join('\n'), questions };
  }

  type Flags = Parameters<typeof repairOne>[2];
  const NO_FLAGS: Flags = {
    file: null,
    'client-id': null,
    force: false,
    unverified: false,
    'dry-run': false,
    yes: false,
  };
  const MANIFEST = {
    kind: 'manifest',
    linkId: 'l',
    connectionId: 'c',
    sourceType: 's',
    companyName: 'n',
    datasets: [],
    isFinal: true,
  } as const;

  test('one that is a copy of its input record is sent', async () => {
    expect(await repaired('manifest', 'same', {})).toMatchObject({ exitCode: 0, sent: 1, questions: [] });
  });

  test.each<[Original, string]>([
    ['differs', 'the dead letter is not a copy of record 0/5 of sync-events'],
    ['gone', 'sync-events does not have record 0/5 now'],
  ])('one whose input record %s is sent only with --unverified', async (original, why) => {
    await expect(repaired('manifest', original, {})).rejects.toThrow(why);
    await expect(repaired('manifest', original, { force: true, yes: true })).rejects.toThrow('pass --unverified');
    expect(await repaired('manifest', original, { unverified: true })).toMatchObject({ exitCode: 0, sent: 1 });
  });

  test('one that silences its company is sent only after a confirmation', async () => {
    const refused = await repaired('deleted', 'same', {}, false);
    expect(refused).toMatchObject({ exitCode: 1, sent: 0 });
    expect(refused.questions).toEqual(['Silence company "acme" permanently? You cannot undo it.']);
    expect(refused.lines).toContain('run company-sync dead-letters repair 0/5 --yes');
    expect(await repaired('deleted', 'same', { force: true, unverified: true }, false)).toMatchObject({ sent: 0 });
    expect(await repaired('deleted', 'same', {}, true)).toMatchObject({ exitCode: 0, sent: 1 });
    expect(await repaired('deleted', 'same', { yes: true })).toMatchObject({ exitCode: 0, sent: 1, questions: [] });
  });

  test('a dry run sends nothing, and says what would be sent', async () => {
    const dry = await repaired('deleted', 'same', { 'dry-run': true, yes: true });
    expect(dry).toMatchObject({ exitCode: 0, sent: 0, questions: [] });
    expect(dry.lines).toContain('0/5: would send a repair for company acme (CompanyDeleted)');
    expect(dry.lines).toContain('"acme"');
    expect(await repaired('manifest', 'same', { 'dry-run': true })).toMatchObject({ exitCode: 0, sent: 0 });
  });
});
