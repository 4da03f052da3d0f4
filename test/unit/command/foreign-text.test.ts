/** Text that others wrote is quoted in every message, and gets no settings. */
import { InputAfterwards } from '../../../src/command/input-afterwards.js';
import { SilencedCompanies } from '../../../src/command/confirm-silencing.js';
import { lineOf } from '../../../src/command/dead-letter-text.js';
import { settingsAdder } from '../../../src/command/typed-settings.js';
import { verifyText } from '../../../src/command/verify-text.js';
import { conflictIn } from '../../../src/kafka/group/group-conflicts.js';
import { foreignJson, foreignText, MAX_FOREIGN_CHARACTERS } from '../../../src/lib/foreign-text.js';
import { describeDifferences } from '../../../src/lib/map-differences.js';
import { explanationText } from '../../../src/ops/explanation-text.js';
import { verdictOf } from '../../../src/domain/verdict-sentence.js';
import type { InputEvent } from '../../../src/domain/events.js';

const FORGED = 'x. Run company-sync positions set 3 --to log-end --yes';
const TYPED = ' --kafka-brokers=prod:9092';

function eventAt(offset: number, payload: object): InputEvent {
  return { companyId: 'acme', clientId: 'c', offset, timestamp: offset, repairs: [], payload } as unknown as InputEvent;
}

async function refusal(later: object, payload: object): Promise<string> {
  const read = () => Promise.resolve([eventAt(9, later)]);
  const afterwards = new InputAfterwards({ has: () => false, hasCopyOf: () => false }, new Set(['acme']), read);
  await afterwards.take(3, [{ offset: 9, timestamp: 9, key: Buffer.from('acme'), value: null, headers: [] }]);
  return afterwards.refusalOf(eventAt(5, payload), { partition: 3, offset: 5, timestamp: 5 }) ?? '';
}

const STATUS = { kind: 'status', datasetId: FORGED, status: 'Complete', trigger: 'LINK', revision: null };
const UNLINK = { kind: 'unlinked', connectionId: FORGED };
const MANIFEST = { kind: 'manifest', connectionId: FORGED, linkId: FORGED, datasets: [{ datasetId: FORGED }] };
const OTHER_MANIFEST = { ...MANIFEST, connectionId: 'other', linkId: `other ${FORGED}` };
const DATASET = {
  status: FORGED,
  decidedAtOffset: 1,
  since: null,
  dataType: FORGED,
  datasetId: FORGED,
  connectionId: FORGED,
  class: 'in-progress',
  own: { status: FORGED, at: 1, offset: 1 },
};
const LINK = {
  linkId: FORGED,
  connectionId: FORGED,
  sourceType: FORGED,
  state: 'open',
  endedAtOffset: null,
  datasets: 1,
  unfinished: 1,
};
const EXPLANATION = {
  companyId: FORGED,
  sentence: FORGED,
  notes: [FORGED],
  asOf: null,
  clientId: FORGED,
  companyName: FORGED,
  policy: null,
  counts: null,
  lastProgress: null,
  stalled: false,
  decidedBy: null,
  omitted: undefined,
  holds: [],
  links: [LINK],
  datasets: [DATASET],
  early: [{ datasetId: FORGED, latest: { status: FORGED, offset: 1, since: '-' } }],
};
const PENDING = { holds: 0, links: 1, unfinished: 1, unsealed: 0, named: 1, complete: 0, early: 0 };
const member = { memberId: FORGED, clientId: FORGED, clientHost: FORGED };
const EMPTY = { memberMetadata: Buffer.alloc(6), memberAssignment: Buffer.alloc(6) };
const DEAD_LETTER = { code: FORGED, writtenAt: 0, key: Buffer.from(FORGED), partition: 3, offset: 1 };
const REPORT = {
  evidence: [],
  findings: [{ kind: 'missing', companyId: FORGED, what: 'no', came: { FORGED }, shouldHaveCome: { FORGED } }],
  topic: 't',
  partitions: [],
  records: 0,
  companies: 0,
  fates: {},
  announcements: 0,
  deadLetters: 0,
  leftOut: { ofOthers: 0, afterEnd: 0 },
  anomalies: 1,
  counts: {},
};

function silencedLines(): string {
  const silenced = new SilencedCompanies();
  silenced.add(FORGED);
  return [silenced.inWords(), ...silenced.lines()].join('\n');
}

const MESSAGES: Readonly<Record<string, () => Promise<string> | string>> = {
  'a later status': () => refusal(STATUS, STATUS),
  'a later manifest of a connection': () => refusal(MANIFEST, UNLINK),
  'a later unlink': () => refusal(UNLINK, MANIFEST),
  'a later manifest of a dataset': () => refusal(OTHER_MANIFEST, MANIFEST),
  'the sentence of a verdict': () =>
    verdictOf(
      { datasets: [DATASET], links: [LINK], holds: [] } as unknown as Parameters<typeof verdictOf>[0],
      { kind: 'pending', company: PENDING, policy: 'ALL_DATASETS' } as unknown as Parameters<typeof verdictOf>[1],
    ).sentence,
  'the evidence of an explanation': () =>
    explanationText(EXPLANATION as unknown as Parameters<typeof explanationText>[0])
      .split('\n')
      .filter((line) => !line.startsWith('note: '))
      .map((line) => line.replace(/: x\. Run .*/, '')) // The sentence is quoted where it is made.
      .join('\n'),
  'a foreign member': () =>
    conflictIn(
      { state: 'Stable', protocol: 'range', members: [{ ...member, ...EMPTY }] },
      { topic: 'sync-events', settings: new Map() },
      null,
    ) ?? '',
  'the settings of a member': () => describeDifferences([{ name: 'A', own: 'b', other: FORGED }], 'there'),
  'a line of dead-letters list': () =>
    lineOf(
      DEAD_LETTER as unknown as Parameters<typeof lineOf>[0],
      { attempts: { failedRepairsOf: () => [], targetsOf: () => [] } } as unknown as Parameters<typeof lineOf>[1],
      { repairOf: () => null } as unknown as Parameters<typeof lineOf>[2],
    ),
  'companies that would be silenced': silencedLines,
  'the report of verify': () =>
    verifyText(REPORT as unknown as Parameters<typeof verifyText>[0], { companyId: 'a', input: [], applicationId: 'a' })
      .map(({ line }) => line)
      .join('\n'),
};

test.each(Object.entries(MESSAGES))('%s: a forged command is quoted and gets no settings', async (_name, textOf) => {
  const text = await textOf();
  expect(text).toContain('x. Run company-sync');
  expect(settingsAdder(TYPED)(text)).toBe(text);
  // As a word of a shell or as JSON, with the space of the command escaped.
  expect(text.replaceAll(/\$'[^']*'|"[^"]*"/g, '')).not.toContain('x. Run');
});

test('two texts of others that are next to each other make no command', () => {
  const text = `${foreignText('company-sync')} ${foreignText('run')}`;
  expect(settingsAdder(TYPED)(text)).toBe(text);
});

test('an id is shown as it is, and a long text is cut', () => {
  expect(foreignText('acme-42')).toBe('acme-42');
  expect(foreignText('a'.repeat(32_768))).toHaveLength(MAX_FOREIGN_CHARACTERS + "''".length);
  expect(JSON.parse(foreignJson(FORGED))).toBe(FORGED);
});
