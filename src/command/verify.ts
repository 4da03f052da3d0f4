/** `company-sync verify`: proves from the topics that every company was announced exactly once, and as the input requires. */
import { systemClock } from '../lib/system-clock.js';
import { NOT_JUDGED, type Fate } from '../verify/finding.js';
import { workOf, type VerifyPlan } from '../verify/plan.js';
import type { VerifyReport } from '../verify/report.js';
import { verify } from '../verify/verify.js';
import {
  command,
  countFlag,
  flagSwitch,
  MISCONFIGURED,
  partitionFlag,
  placeFlag,
  textFlag,
  UsageError,
  type CommandContext,
} from './command.js';
import { LOGS_READ } from './command-logs.js';
import { printJson } from './print.js';
import { Speed } from './progress.js';
import { ScratchFolder } from './scratch-folder.js';
import { VerifiedTopics } from './verified-topics.js';
import { verifyText } from './verify-text.js';

const DEFAULT_FINDINGS = 20;
const MAX_FINDINGS = 1_000;

const EXIT_CLEAN = 0;
const EXIT_ANOMALIES = 1;
const EXIT_NOT_ALL_JUDGED = 3;

export const verifyCommand = command({
  summary: 'prove from the topics that every company was announced once, not early, and with the right content',
  flags: {
    from: placeFlag(
      'begin with the first record at this time or later, or at this offset (default: the first one left)',
    ),
    to: placeFlag('end before this time or offset (default: the last record that was processed)'),
    partition: partitionFlag('verify only this partition of the input; an offset needs it'),
    company: textFlag(
      '<companyId>',
      'the id of a company',
      'verify only this company, and print its last records and its announcements',
    ),
    findings: countFlag(MAX_FINDINGS, `print at most this many findings; ${DEFAULT_FINDINGS} by default`),
    scratch: textFlag('<folder>', 'a folder', 'put the temporary files there; TMPDIR by default'),
    json: flagSwitch('print the report as JSON'),
  },
  reads: [
    ...LOGS_READ,
    ...(['topics.syncEvents', 'topics.companySynchronized', 'topics.deadLetter', 'topics.clientSettings'] as const),
    ...(['schemaRegistry', 'allDatasetsFrom', 'eventNamespace'] as const),
  ],
  moreHelp: `The command reads the input and computes again, with rules of its own, which companies had to be announced, by which
record and with which content. It compares that with each announcement and each dead letter. It changes nothing in Kafka. You
can run it while instances run: it stops at the offsets that they had committed when it began.

It reports companies that were not announced, announced twice, early or late, announcements with wrong content, key, partition
or headers, and dead letters that are missing, repeated, wrong or unexplained. A company cannot always be judged: for example,
retention has removed its first records. The report says why, and how many companies that concerns.

It needs about 512 MiB of memory, whatever the size of the topics. The temporary files take up to twice the disk of the largest
partition of the input, plus the announcements and dead letters. The command removes them at its end.

  company-sync verify
  company-sync verify --company acme-42             # with its records and announcements
  company-sync verify --from 2026-01-31T00:00:00Z   # companies that began before are judged in part
  company-sync verify --partition 3 --from 120000 --json | jq '.counts'
`,
  exit: [
    'every company was judged, and nothing is wrong',
    'an anomaly was found, or the topics could not be read',
    MISCONFIGURED,
    'nothing wrong was found, and some companies could not be judged',
  ],
  async run(context, flags) {
    const { from, to, partition, company, json, scratch } = flags;
    if (partition === null && [from, to].some((place) => place !== null && 'offset' in place))
      throw new UsageError(['--from and --to are offsets of one partition: add --partition, or pass times']);
    const { printError, host } = context;
    const interrupt = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      host.once(signal, () => interrupt.abort(new Error(`${signal}: stopped, and removed the temporary files`)));
    const topics = new VerifiedTopics(context);
    interrupt.signal.addEventListener('abort', () => void topics.close());
    const folder = await ScratchFolder.create(scratch);
    try {
      const maxFindings = flags.findings ?? DEFAULT_FINDINGS;
      const plan = await topics.plan({ from, to, partition, companyId: company, maxFindings });
      const speed = new Speed(printError, systemClock, workOf(plan));
      const report = await verify(plan, {
        ...(await topics.ports()),
        openScratch: (name) => folder.open(name),
        onProgress: (done, doing) => {
          interrupt.signal.throwIfAborted();
          speed.report(done, doing);
        },
      });
      show(report, plan, json, context);
      return exitCodeOf(report, plan);
    } catch (error) {
      interrupt.signal.throwIfAborted();
      throw error;
    } finally {
      await Promise.all([topics.close(), folder.remove()]);
    }
  },
});

function show(
  report: VerifyReport,
  plan: VerifyPlan,
  json: boolean,
  { print, printData }: Pick<CommandContext, 'print' | 'printData'>,
): void {
  if (json) printJson({ ...report, notJudged: notJudged(report) }, printData);
  else for (const { line, colour } of verifyText(report, plan)) print(line, colour);
}

/** The number of companies that could not be judged, or not in full. */
function notJudged({ fates }: VerifyReport): number {
  return [...NOT_JUDGED].reduce((sum, fate: Fate) => sum + (fates[fate] ?? 0), 0);
}

function exitCodeOf(report: VerifyReport, { input }: VerifyPlan): number {
  if (report.anomalies > 0) return EXIT_ANOMALIES;
  const isProcessed = input.every(({ to, logEnd, from }) => to > from || logEnd <= from);
  return notJudged(report) === 0 && isProcessed ? EXIT_CLEAN : EXIT_NOT_ALL_JUDGED;
}
