/**
 * The verifier against the topics of simulated runs: with duplicates, late and bad records, repairs, deletions, crashes
 * and take-overs. It must say nothing about them. And it must find each fault that is planted there.
 */
import avro from 'avsc';
import * as fc from 'fast-check';
import { FATES, NOT_JUDGED } from '../../../src/verify/finding.js';
import type { AuditInput } from '../../../testkit/audit/audit-topics.js';
import type { TopicContents, TopicRecord } from '../../../testkit/audit/topic-record.js';
import { SeededRandom } from '../../../testkit/seeded-random.js';
import { SCHEMA_IDS, SCHEMAS } from '../../../testkit/simulation/pipeline/codecs.js';
import { runSeed } from '../../../testkit/simulation/pipeline/run-seed.js';
import { verifyInMemory } from './verify-in-memory.js';

const PARAMETERS = { numRuns: Number(process.env['FC_RUNS'] ?? 40), interruptAfterTimeLimit: 60_000 };
const seeds = fc.integer({ min: 1, max: 1_000_000 });
const TYPE = avro.Type.forSchema(SCHEMAS.companySynchronized as avro.Schema);

test('a right run has no finding, and every company is judged', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const { topics, anomalies } = await runSeed(seed);
      expect(anomalies).toEqual([]);
      const { findings, fates } = await verifyInMemory(topics);
      expect(findings).toEqual([]);
      for (const fate of Object.keys(fates) as (keyof typeof FATES)[]) {
        expect([seed, fate, NOT_JUDGED.has(fate)]).toEqual([seed, fate, false]);
        seen.add(fate);
      }
    }),
    PARAMETERS,
  );
  expect([...seen]).toEqual(expect.arrayContaining(['announced', 'open', 'held']));
});

test('a right run has no finding, whatever part of its input is gone, and wherever the end is', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, fc.nat(60), fc.nat(60), async (seed, from, length) => {
      const { topics } = await runSeed(seed);
      const { findings } = await verifyInMemory(topics, { from, to: from + length });
      expect(findings).toEqual([]);
    }),
    PARAMETERS,
  );
});

interface Announced {
  eventId: string;
  clientId: string;
  companyName: string;
  synchronizedAt: number;
  trigger: string;
  connections: { connectionId: string; sourceType: string }[];
  datasets: { datasetId: string; status: string; decidedAtOffset: number; dataType: string }[];
  succeeded: number;
  failed: number;
  ended: number;
  source: { topic: string; partition: number; offset: number };
}

type Plant = (event: Announced, random: SeededRandom) => void;

const IN_ANNOUNCEMENTS: Readonly<Record<string, Plant>> = {
  eventId: (event) => (event.eventId = event.eventId.replace(/.$/, (last) => (last === '0' ? '1' : '0'))),
  clientId: (event) => (event.clientId += 'x'),
  companyName: (event) => (event.companyName += 'x'),
  synchronizedAt: (event) => (event.synchronizedAt += 1),
  trigger: (event) => (event.trigger = event.trigger === 'ALL_DATASETS' ? 'FIRST_DATASET' : 'ALL_DATASETS'),
  'a source type': ({ connections }, random) => (random.pick(connections).sourceType += 'x'),
  'a connection too many': ({ connections }) => connections.push({ connectionId: 'x', sourceType: 'a' }),
  'a connection lost': ({ connections }) => connections.pop(),
  'a dataset lost': ({ datasets }) => datasets.pop(),
  'a dataset twice': ({ datasets }, random) => datasets.push(random.pick(datasets)),
  'a status': ({ datasets }, random) => (random.pick(datasets).status += 'x'),
  'a data type': ({ datasets }, random) => (random.pick(datasets).dataType += 'x'),
  'an offset of evidence': ({ datasets }, random) => (random.pick(datasets).decidedAtOffset += random.pick([-1, 1])),
  succeeded: (event) => (event.succeeded += 1),
  failed: (event) => (event.failed += 1),
  ended: (event) => (event.ended += 1),
  'the source offset': ({ source }, random) => (source.offset += random.pick([-1, 1])),
  'the source topic': ({ source }) => (source.topic = 'other'),
};

function withPlanted(record: TopicRecord, plant: Plant, random: SeededRandom): TopicRecord {
  const value = record.value as Buffer;
  const event = structuredClone(TYPE.fromBuffer(value.subarray(5))) as Announced;
  plant(event, random);
  const frame = Buffer.alloc(5);
  frame.writeInt32BE(SCHEMA_IDS.companySynchronized, 1);
  return { ...record, value: Buffer.concat([frame, TYPE.toBuffer(event)]) };
}

/** The contents with another list of records, whose offsets follow each other. */
function changed(contents: TopicContents, change: (records: TopicRecord[]) => void): TopicContents {
  const records = [...contents.records];
  change(records);
  return { ...contents, records: records.map((record, offset) => ({ ...record, offset })) };
}

type Change = (topics: AuditInput, random: SeededRandom) => AuditInput | null;

function atRandom(topic: 'synchronized' | 'deadLetters', change: (records: TopicRecord[], at: number) => void): Change {
  return (topics, random) => {
    const { length } = topics[topic].records;
    if (length === 0) return null;
    const at = random.integer(0, length - 1);
    return { ...topics, [topic]: changed(topics[topic], (records) => change(records, at)) };
  };
}

const FAULTS: Readonly<Record<string, Change>> = {
  'an announcement is missing': atRandom('synchronized', (records, at) => records.splice(at, 1)),
  'an announcement is there twice': atRandom('synchronized', (records, at) => records.push(records[at] as TopicRecord)),
  'a dead letter is missing': atRandom('deadLetters', (records, at) => records.splice(at, 1)),
  'a dead letter is there twice': atRandom('deadLetters', (records, at) => records.push(records[at] as TopicRecord)),
  'a dead letter has another code': atRandom('deadLetters', (records, at) => {
    const record = records[at] as TopicRecord;
    const headers = new Map(record.headers).set('dl_code', [Buffer.from('too-large')]);
    records[at] = { ...record, headers };
  }),
  'a record that an announcement names was aborted': (topics, random) => {
    const { records } = topics.synchronized;
    if (records.length === 0) return null;
    const value = random.pick(records).value as Buffer;
    const { source, datasets } = TYPE.fromBuffer(value.subarray(5)) as Announced;
    const named = random.pick([source.offset, ...datasets.map(({ decidedAtOffset }) => decidedAtOffset)]);
    const events = topics.events.records.filter(({ offset }) => offset !== named);
    // Something must follow, or it seems to be a record that is not processed yet.
    if (events.at(-1)!.offset < named) return null;
    return { ...topics, events: { ...topics.events, records: events } };
  },
  ...Object.fromEntries(
    Object.entries(IN_ANNOUNCEMENTS).map(([what, plant]): [string, Change] => [
      `wrong in an announcement: ${what}`,
      (topics, random) => {
        const { length } = topics.synchronized.records;
        if (length === 0) return null;
        const at = random.integer(0, length - 1);
        const change = (records: TopicRecord[]) =>
          (records[at] = withPlanted(records[at] as TopicRecord, plant, random));
        return { ...topics, synchronized: changed(topics.synchronized, change) };
      },
    ]),
  ),
};

test.each(Object.entries(FAULTS))('found in every run: %s', async (_, change) => {
  let planted = 0;
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const { topics } = await runSeed(seed);
      const wrong = change(topics, new SeededRandom(seed));
      fc.pre(wrong !== null);
      const { findings, fates } = await verifyInMemory(wrong);
      // Such an announcement could be that of an earlier release, if its record exists.
      if (fates['later-word'] !== undefined) return;
      planted++;
      expect(findings).not.toEqual([]);
    }),
    { ...PARAMETERS, numRuns: Number(process.env['FC_RUNS'] ?? 10) },
  );
  expect(planted).toBeGreaterThan(0);
});
