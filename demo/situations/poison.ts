/** Bad records of every kind, repaired and not repaired. */
import type { CompanyScript, ScriptedDataset, ScriptedLink, ScriptedRecord } from '../company-script.js';
import { framed } from '../../testkit/platform-events.js';
import type { Situation } from './situation.js';

const client = 'no choice';
/** One dataset more than a company may have. */
const TOO_MANY_DATASETS = 10_001;
/** The limit of an id or another text, in bytes of UTF-8. */
const MAX_TEXT_BYTES = 1_024;
/** Each dataset takes 2,048 bytes for its ids and some bytes for the rest. An announcement may have 6 MiB. */
const DATASETS_OF_PART = 500;
const FITTING_PARTS = 6;
/** A schema id that no registry of a demonstration has reached. */
const UNKNOWN_SCHEMA_ID = 999_983;

type MakePoison = (script: CompanyScript, instead: ScriptedDataset) => ScriptedRecord;

const KINDS: readonly { readonly name: string; readonly weight: number; readonly make: MakePoison }[] = [
  { name: 'bad framing', weight: 1, make: badFraming },
  // For each such company the processor asks the registry again for ten seconds, so there are no more than needed.
  { name: 'unknown schema', weight: 0, make: unknownSchema },
  { name: 'undecodable', weight: 1, make: undecodable },
  { name: 'key mismatch', weight: 1, make: keyMismatch },
  { name: 'too large', weight: 1, make: tooLarge },
];

export const POISON_SITUATIONS: readonly Situation[] = [
  ...KINDS.flatMap(({ name, weight, make }): Situation[] => [
    { name: `poison (${name}), repaired`, client, weight, play: (script) => repaired(script, make) },
    { name: `poison (${name}), never repaired`, client, weight, play: (script) => neverRepaired(script, make) },
  ]),
  { name: 'poison (too many datasets), repaired', client, weight: 0, play: tooManyRepaired },
  { name: 'poison (too many datasets), never repaired', client, weight: 0, play: tooMany },
  { name: 'poison (company too large), repaired', client, weight: 0, play: companyTooLarge },
  { name: 'poison (company too large), never repaired', client, weight: 0, play: companyTooLargeForGood },
  { name: 'too large after the announcement', client, weight: 1, play: tooLargeTooLate },
  { name: 'poison without a key, beside a company', client, weight: 2, play: withoutKey },
  { name: 'poison with a key that is not UTF-8', client, weight: 1, play: keyNotUtf8 },
  { name: 'poison repaired by poison, then repaired', client, weight: 1, play: repairedByPoison },
  { name: 'the same poison twice, both repaired', client, weight: 1, play: poisonTwice },
  { name: 'poison after the announcement', client, weight: 1, play: poisonTooLate },
];

interface Linked {
  readonly link: ScriptedLink;
  readonly last: ScriptedDataset;
  readonly others: readonly ScriptedDataset[];
}

function linked(script: CompanyScript): Linked {
  const link = script.link(script.random.integer(3, 8));
  const [last, ...others] = link.datasets as [ScriptedDataset, ...ScriptedDataset[]];
  script.manifest(link);
  return { link, last, others };
}

/** The Complete of the last dataset is poison: the company waits until this status comes again. */
function repaired(script: CompanyScript, make: MakePoison): void {
  const { last, others } = linked(script);
  const poison = make(script, last);
  script.pullToEnd(others);
  script.status(last, 'Complete', { repairs: [poison] });
}

/** All datasets have finished by other records: only the hold keeps the company from being announced. */
function neverRepaired(script: CompanyScript, make: MakePoison): void {
  const { link, last } = linked(script);
  make(script, last);
  script.pullToEnd(link.datasets);
}

function keyOf(script: CompanyScript): Buffer {
  return Buffer.from(script.company.companyId);
}

function badFraming(script: CompanyScript): ScriptedRecord {
  const values = [null, Buffer.alloc(0), Buffer.from([0, 0, 1]), Buffer.from('{"status":"Complete"}')];
  return script.raw(keyOf(script), script.random.pick(values));
}

function completeValue(script: CompanyScript, dataset: ScriptedDataset, companyId?: string): Buffer {
  const changed = { ...dataset, status: 'Complete', trigger: 'LINK' as const, revision: null, errorMessage: null };
  return script.encode({ 'companysync.DatasetStatusChanged': changed }, companyId);
}

function unknownSchema(script: CompanyScript, instead: ScriptedDataset): ScriptedRecord {
  script.urgent = true;
  return script.raw(keyOf(script), framed(UNKNOWN_SCHEMA_ID, completeValue(script, instead).subarray(5)));
}

function undecodable(script: CompanyScript, instead: ScriptedDataset): ScriptedRecord {
  const whole = completeValue(script, instead);
  const values = [
    whole.subarray(0, -3),
    Buffer.concat([whole, Buffer.from('left over')]),
    script.encoder.setting(script.company.clientId, 'ALL_DATASETS'),
  ];
  return script.raw(keyOf(script), script.random.pick(values));
}

function keyMismatch(script: CompanyScript, instead: ScriptedDataset): ScriptedRecord {
  return script.raw(keyOf(script), completeValue(script, instead, script.random.uuid()));
}

function tooManyDatasets(script: CompanyScript): { poison: ScriptedRecord; link: ScriptedLink } {
  const link = script.link(0);
  const { connectionId } = link;
  const datasets = Array.from({ length: TOO_MANY_DATASETS }, (_, i) => ({
    datasetId: `${link.linkId.slice(0, 4)}-${i}`,
    dataType: 'files',
    connectionId,
  }));
  return { poison: script.manifest(link, { datasets }), link: { ...link, datasets } };
}

function tooManyRepaired(script: CompanyScript): void {
  const { link: first } = linked(script);
  const { poison, link } = tooManyDatasets(script);
  script.pullToEnd(first.datasets);
  const datasets = link.datasets.slice(0, 5);
  script.manifest(link, { datasets, repairs: [poison] });
  script.pullToEnd(datasets);
}

function tooMany(script: CompanyScript): void {
  const { link } = linked(script);
  tooManyDatasets(script);
  script.pullToEnd(link.datasets);
}

function tooLarge(script: CompanyScript, instead: ScriptedDataset): ScriptedRecord {
  const fields: (keyof ScriptedDataset)[] = ['datasetId', 'dataType', 'connectionId'];
  const longText = 'ü'.repeat(MAX_TEXT_BYTES / 2 + 1);
  return script.status({ ...instead, [script.random.pick(fields)]: longText }, 'Complete', { revision: null });
}

/**
 * The ids have the greatest allowed length. The manifests fit the topic, but the announcement of the company would be
 * too large.
 */
function companyTooLargeForGood(script: CompanyScript): ScriptedRecord {
  const connectionId = 'c'.repeat(MAX_TEXT_BYTES);
  const manifests = Array.from({ length: FITTING_PARTS + 1 }, (_, part) => {
    const datasets = Array.from({ length: DATASETS_OF_PART }, (_, i) => ({
      datasetId: `${part}-${i}-`.padEnd(MAX_TEXT_BYTES, script.company.companyId),
      dataType: 'files',
      connectionId,
    }));
    return { link: script.link(0, { connectionId }), datasets };
  });
  const records = manifests.map(({ link, datasets }) => script.manifest(link, { datasets }));
  const [first] = manifests as [(typeof manifests)[number]];
  script.status(first.datasets[0] as ScriptedDataset, 'Complete');
  script.unlink(first.link);
  return records[FITTING_PARTS] as ScriptedRecord;
}

/** The company is announced with 3,000 datasets, in an event of about 6 MB. */
function companyTooLarge(script: CompanyScript): void {
  script.manifest(script.link(0), { repairs: [companyTooLargeForGood(script)] });
}

function tooLargeTooLate(script: CompanyScript): void {
  const { link, last } = linked(script);
  script.pullToEnd(link.datasets);
  tooLarge(script, last);
}

function withoutKey(script: CompanyScript): void {
  const { link, last } = linked(script);
  script.raw(script.random.chance(0.5) ? null : Buffer.alloc(0), completeValue(script, last));
  script.pullToEnd(link.datasets);
}

function keyNotUtf8(script: CompanyScript): void {
  const { link, last } = linked(script);
  script.raw(Buffer.concat([Buffer.from([0xff, 0xfe]), keyOf(script)]), completeValue(script, last));
  script.pullToEnd(link.datasets);
}

function repairedByPoison(script: CompanyScript): void {
  const { last, others } = linked(script);
  const first = badFraming(script);
  // The repair is poison too: it lifts no hold and adds one.
  const failedRepair = script.raw(keyOf(script), Buffer.from('{"status":"Complete"}'), [first]);
  script.pullToEnd(others);
  script.status(last, 'Complete', { repairs: [first, failedRepair] });
}

function poisonTwice(script: CompanyScript): void {
  const { last, others } = linked(script);
  const first = undecodable(script, last);
  const second = script.raw(first.key, first.value);
  script.pullToEnd(others);
  script.status(last, 'Fetching', { repairs: [first] });
  script.status(last, 'Complete', { repairs: [second] });
}

function poisonTooLate(script: CompanyScript): void {
  const { link, last } = linked(script);
  script.pullToEnd(link.datasets);
  badFraming(script);
  keyMismatch(script, last);
}
