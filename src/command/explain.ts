/** `company-sync explain <companyId>`: explains why a company has or has not been announced. */
import { setTimeout as delay } from 'node:timers/promises';
import type { PartsOf } from '../config-parts.js';
import { explain, explainUnknown } from '../domain/explain.js';
import type { Explanation, Verdict } from '../domain/explanation.js';
import { policyFor } from '../domain/policy.js';
import { explanationText } from '../ops/explanation-text.js';
import { InstanceError } from '../ops/instance-client.js';
import { BrokerError } from '../pipeline/errors.js';
import { readCompany } from '../store/company-loading.js';
import { lookIntoStopped, NotStateFolderError, type LeftPartition } from '../store/stopped-instance.js';
import { printJson, printText, type Colour, type Print } from './print.js';
import { INSTANCES_READ, RunningInstances } from './running-instances.js';
import { command, flagSwitch, MISCONFIGURED, textFlag, UsageError } from './command.js';

/** How often `--watch` asks. */
const WATCH_INTERVAL_MS = 1_000;

const OR_OFFLINE = ', or read the state of a stopped instance with --offline <state folder>';

const EXIT_SEEN = 0;
/** No record of the company was seen. */
const EXIT_UNKNOWN = 1;

/** Verdicts that never change again. */
const FINAL_VERDICTS: ReadonlySet<Verdict> = new Set(['announced', 'announced-elsewhere', 'deleted']);

/** The parts of the configuration that `--offline` reads. */
const OFFLINE_READS = ['allDatasetsFrom', 'topics.companySynchronized'] as const;
type OfflineConfig = PartsOf<(typeof OFFLINE_READS)[number]>;

export const explainCommand = command({
  summary: 'explain why a company has or has not been announced, with input offsets as evidence',
  argument: '<companyId>',
  flags: {
    offline: textFlag(
      '<state folder>',
      'the state folder of an instance',
      'read the folder of a stopped instance without changing it, and ask no running instance',
    ),
    json: flagSwitch('print the whole explanation as JSON, as GET /companies/<companyId> does'),
    watch: flagSwitch('print the explanation whenever it changes, until the company is announced or deleted'),
  },
  reads: [...INSTANCES_READ, ...OFFLINE_READS],
  moreHelp: `The command finds a running instance through the group and asks it over HTTP, with HTTP_TOKEN if that is set.
The first line is the verdict. The other lines are the evidence: records that hold the company, links, datasets with their
statuses, and the input offset of each. Changes that are not committed yet are not shown.

  company-sync explain acme-42
  company-sync explain acme-42 --watch
  company-sync explain acme-42 --json | jq '.datasets[] | select(.class == "in-progress")'
`,
  exit: [
    'explained',
    'no record of the company was seen, or no instance could be asked',
    `${MISCONFIGURED}, or another process uses the state folder`,
  ],
  async run({ config, logger, print, printData }, { offline, watch, json }, companyId) {
    const show = (explanation: Explanation) => {
      if (!json) printInWords(explanation, print);
      else if (watch) printData(JSON.stringify(explanation));
      else printJson(explanation, printData);
    };
    if (offline === null) {
      const instances = new RunningInstances(config, logger, OR_OFFLINE);
      const ask = () => instances.explanation(companyId);
      return watch ? follow(ask, show, print) : finish(await ask(), show);
    }
    if (watch)
      throw new UsageError([
        '--watch and --offline are both set: a stopped instance changes nothing, so pass only one of them',
      ]);
    return finish(await explainStopped(config, offline, companyId), show);
  },
});

const COLOURS: Readonly<Record<Verdict, Colour | undefined>> = {
  unknown: undefined,
  deleted: undefined,
  announced: 'green',
  'announced-elsewhere': 'green',
  held: 'red',
  'no-manifest': 'yellow',
  waiting: 'yellow',
  unsealed: 'yellow',
  'no-datasets': 'yellow',
  'none-complete': 'yellow',
  due: 'yellow',
};

/** Prints the verdict in its colour, then the evidence. */
function printInWords(explanation: Explanation, print: Print): void {
  const [verdict = '', ...evidence] = explanationText(explanation).split('\n');
  print(verdict, COLOURS[explanation.verdict]);
  if (evidence.length > 0) printText(evidence.join('\n'), print);
}

function finish(explanation: Explanation, show: (explanation: Explanation) => void): number {
  show(explanation);
  return explanation.verdict === 'unknown' ? EXIT_UNKNOWN : EXIT_SEEN;
}

/**
 * Shows the explanation whenever it has changed, until the company is announced or deleted. Instances may start and
 * stop meanwhile.
 */
async function follow(
  ask: () => Promise<Explanation>,
  show: (explanation: Explanation) => void,
  print: (line: string) => void,
): Promise<number> {
  let explanation = await ask();
  for (let shown = ''; ;) {
    // The position is left out, because it moves with every record of other companies.
    const content = JSON.stringify({ ...explanation, asOf: null });
    if (content !== shown) show(explanation);
    shown = content;
    if (FINAL_VERDICTS.has(explanation.verdict)) return EXIT_SEEN;
    await delay(WATCH_INTERVAL_MS);
    try {
      explanation = await ask();
    } catch (error) {
      if (!(error instanceof InstanceError || error instanceof BrokerError)) throw error;
      if (error.message !== shown) print(`no instance can answer now: ${error.message}`);
      shown = error.message;
    }
  }
}

async function explainStopped(config: OfflineConfig, stateDir: string, companyId: string): Promise<Explanation> {
  const look = async ({ identity, rows, lastBatchLeftOut }: LeftPartition): Promise<Explanation | null> => {
    const company = await readCompany(rows, companyId);
    if (company === null) return null;
    const position = await rows.position();
    const asOf = { topic: identity.topic, partition: identity.partition, offset: position?.offset ?? 0 };
    // The clients' choices are in Kafka. They matter only for records stamped before ALL_DATASETS_FROM.
    const policy = policyFor(Date.now(), config.allDatasetsFrom, undefined);
    const explanation = explain(company, { asOf, policy });
    return { ...explanation, notes: [...explanation.notes, ...notesOnOffline(explanation, config, lastBatchLeftOut)] };
  };
  const explanation = await lookIntoStopped(stateDir, look).catch((error: unknown) => {
    if (!(error instanceof NotStateFolderError)) throw error;
    throw new UsageError([`--offline is ${JSON.stringify(stateDir)}: ${error.message}`]);
  });
  return explanation ?? explainUnknown(companyId, null);
}

function notesOnOffline({ verdict }: Explanation, { topics }: OfflineConfig, lastBatchLeftOut: boolean): string[] {
  const notes = ['read from the folder of a stopped instance: another instance may know more by now'];
  if (lastBatchLeftOut)
    notes.push('the instance was killed: its last batch is left out, whether it was committed or not');
  if (verdict === 'announced')
    notes.push(
      `its datasets are in its event in ${topics.companySynchronized}, and --offline does not read that topic`,
    );
  return notes;
}
