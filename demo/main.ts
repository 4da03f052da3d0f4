/**
 * The demonstration: `npm run demo`. Writes the events of companies in every situation of the rules to real processors,
 * and kills one processor meanwhile. Then audits the outcome from the topics alone, and counts the webhooks of the
 * example dispatcher. See options.ts for its flags.
 */
import { printable } from '../src/lib/printable.js';
import { randomInt } from 'node:crypto';
import { auditCluster } from '../testkit/audit/audit-cluster.js';
import type { AuditReport } from '../testkit/audit/audit-topics.js';
import { anomalyLines, summaryLine } from '../testkit/audit/report-lines.js';
import { SCHEMAS_FOLDER } from './deployment.js';
import { HELP, parseOptions, type DemoOptions } from './options.js';
import { perform } from './performance.js';
import { situationTable } from './situation-table.js';
import { Stage } from './stage.js';
import { Terminal } from './terminal.js';

const FAILED = 1;
const MISUSED = 2;
/** The exit code that shells report for a process that Ctrl-C has ended. */
const INTERRUPTED = 130;
/** The most anomalies told in full. */
const MAX_TOLD = 10;
/**
 * The terminal sends Ctrl-C to all processes, and npm and tsx also forward it. So one key press arrives several times.
 */
const ECHO_MS = 1_000;

const terminal = new Terminal(process.stdout);
const parsed = parseOptions(process.argv.slice(2), randomInt(2 ** 32));
switch (parsed.kind) {
  case 'help':
    process.stdout.write(HELP);
    break;
  case 'fault':
    process.stderr.write(`${printable(parsed.message)}\n`);
    process.exitCode = MISUSED;
    break;
  case 'options':
    process.exitCode = await demonstrate(parsed.options);
}

async function demonstrate(options: DemoOptions): Promise<number> {
  terminal.say(`seed ${options.seed} (--seed ${options.seed} plays the same companies again)`);
  let stage: Stage;
  try {
    stage = await Stage.set(terminal, process.env);
  } catch (error) {
    terminal.say(explain(error), 'red');
    return FAILED;
  }
  // From here on, an orderly stop is needed. Before, the child processes simply end with this process.
  const interruption = listenForInterruption();
  const exitCode = await performAndAudit(stage, options, interruption.signal).catch((error: unknown) => {
    if (interruption.signal.aborted) return INTERRUPTED;
    terminal.say(explain(error), 'red');
    return FAILED;
  });
  if (options.keep) await keepRunning(stage, interruption.signal);
  await stage.clear();
  if (exitCode === FAILED) {
    stage.leaveFolder();
    terminal.say(`logs and state are in ${stage.folder}`, 'red');
  } else await stage.removeFolder();
  interruption.release();
  return exitCode;
}

async function performAndAudit(stage: Stage, options: DemoOptions, signal: AbortSignal): Promise<number> {
  const { cast, settingsInPlaceBefore, webhooks } = await perform(stage, options, terminal, signal);
  const { bootstrap, registryUrl, topics, applicationId, eventNamespace, allDatasetsFrom } = stage.deployment;
  terminal.say('everything is processed; auditing the topics');
  const report = await auditCluster({
    bootstrap,
    registryUrl,
    schemasFolder: SCHEMAS_FOLDER,
    topics,
    applicationId,
    eventNamespace,
    allDatasetsFrom,
    settingsInPlaceBefore,
  });
  for (const line of situationTable(cast, report)) terminal.say(line);
  // The shortest histories first: they show best what went wrong.
  const anomalies = report.anomalies.toSorted((a, b) => a.history.length - b.history.length);
  for (const anomaly of anomalies.slice(0, MAX_TOLD))
    for (const line of anomalyLines(anomaly)) terminal.say(line, 'red');
  const untold = report.anomalies.length - MAX_TOLD;
  if (untold > 0) terminal.say(`and ${untold} more`, 'red');
  const good = report.anomalies.length === 0;
  const announced = [...report.companies].flatMap(([companyId, fate]) => (fate.announced ? [companyId] : []));
  const delivered = await webhooks.received(new Set(announced));
  terminal.say(summaryLine(report), good ? 'green' : 'red');
  terminal.say(delivered.line, delivered.good ? 'green' : 'red');
  sayWhatToTry(stage, options, report);
  return good && delivered.good ? 0 : FAILED;
}

/** Prints the address of the status page, and a company that is interesting to explain. */
function sayWhatToTry({ deployment, instances }: Stage, { keep, seed }: DemoOptions, { companies }: AuditReport): void {
  const unfinished = [...companies].find(([, { whyNot }]) => whyNot === 'datasets unfinished');
  const [companyId, fate] = unfinished ?? [...companies][0] ?? [];
  const { bootstrap, applicationId, topics } = deployment;
  const group = `KAFKA_BROKERS=${bootstrap} APPLICATION_ID=${applicationId} TOPIC_SYNC_EVENTS=${topics.events}`;
  const why = fate?.whyNot == null ? 'announced' : `not announced: ${fate.whyNot}`;
  if (!keep)
    terminal.say(`npm run demo -- --keep --seed ${seed} plays this again and leaves it running, on other ports:`);
  terminal.say(`  status page        ${instances.map(({ address }) => `${address}/`).join(' and ')}`);
  terminal.say(`  one company (${why})\n    ${group} npx company-sync explain ${companyId}`);
}

async function keepRunning(stage: Stage, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { bootstrap, registryUrl } = stage.deployment;
  terminal.say(`  KAFKA_BROKERS=${bootstrap} SCHEMA_REGISTRY_URL=${registryUrl}`);
  terminal.say(`  logs and state     ${stage.folder}`);
  terminal.say('Everything keeps running. To stop it, press Ctrl-C.', 'bold');
  const timer = setInterval(() => undefined, 2 ** 30); // A pending promise alone does not keep the process running.
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  clearInterval(timer);
}

/** Ctrl-C and SIGTERM stop the demo cleanly. A second one, after some time, ends the process at once. */
function listenForInterruption(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  let firstAt = 0;
  const interrupt = () => {
    if (!controller.signal.aborted) {
      firstAt = Date.now();
      terminal.say('stopping', 'yellow');
      controller.abort(new Error('interrupted'));
    } else if (Date.now() - firstAt > ECHO_MS) process.exit(INTERRUPTED);
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    },
  };
}

/** An error with its causes. */
function explain(error: unknown): string {
  const messages: string[] = [];
  let at = error;
  for (; at instanceof Error; at = at.cause) messages.push(at.message);
  return messages.join('\n  because ');
}
