/** A verification's report for a terminal. */
import { foreignJson } from '../lib/foreign-text.js';
import { shellQuoted, withoutCommands } from '../lib/shell-command.js';
import { FATES, FINDING_KINDS, NOT_JUDGED, type Fate, type Finding, type FindingKind } from '../verify/finding.js';
import type { VerifyPlan } from '../verify/plan.js';
import type { VerifyReport } from '../verify/report.js';
import type { Colour } from './print.js';

interface Line {
  readonly line: string;
  readonly colour?: Colour;
}

const IN_WORDS: Readonly<Record<FindingKind, string>> = {
  missing: 'not announced',
  duplicate: 'announced twice',
  early: 'announced early',
  late: 'announced late',
  'wrong-content': 'wrong content',
  'wrong-envelope': 'wrong key, partition or headers',
  unreadable: 'announcement cannot be read',
  'dead-letter-lost': 'dead letter missing',
  'dead-letter-duplicate': 'dead letter twice',
  'dead-letter-altered': 'dead letter wrong',
  'dead-letter-unexplained': 'dead letter without a reason',
};

/** The most characters of the contents that a line shows. --json shows all. */
const MAX_CONTENT_CHARACTERS = 2_000;

type Plan = Pick<VerifyPlan, 'companyId' | 'input' | 'applicationId'>;

export function verifyText(report: VerifyReport, plan: Plan): Line[] {
  return [
    ...evidenceLines(report, plan),
    ...report.findings.flatMap(findingLines),
    ...moreLines(report, plan),
    ...totals(report, plan),
    verdict(report),
  ];
}

/** The records and announcements of the company, if only one is verified. */
function evidenceLines({ evidence }: VerifyReport, { companyId }: Plan): Line[] {
  if (companyId === null) return [];
  if (evidence.length === 0) return [{ line: `no record of ${foreignJson(companyId)} is in what was read` }];
  return evidence.flatMap(({ partition, fate, records, announcements }) => [
    { line: `partition ${partition}: ${FATES[fate]}` },
    ...[...records, ...announcements].map((line) => ({ line: `    ${withoutCommands(line)}` })),
  ]);
}

function findingLines({ kind, companyId, what, came, shouldHaveCome }: Finding): Line[] {
  const contents = [
    ...(came === null ? [] : [`  came:             ${shortened(foreignJson(came))}`]),
    ...(shouldHaveCome === null ? [] : [`  should have come: ${shortened(foreignJson(shouldHaveCome))}`]),
  ];
  const head = `${kind}: ${companyId === null ? 'no company' : `company ${foreignJson(companyId)}`}: ${withoutCommands(what)}`;
  return [{ line: head, colour: 'red' }, ...contents.map((line) => ({ line }))];
}

function shortened(text: string): string {
  return text.length <= MAX_CONTENT_CHARACTERS ? text : `${text.slice(0, MAX_CONTENT_CHARACTERS)} ...`;
}

function moreLines({ anomalies, findings }: VerifyReport, { companyId }: Plan): Line[] {
  const more = anomalies - findings.length;
  const named = companyId === null ? findings.find((finding) => finding.companyId !== null)?.companyId : null;
  return [
    ...(more > 0 ? [{ line: `and ${more} more: print more with --findings <number>` }] : []),
    ...(named == null
      ? []
      : [{ line: `for the records of a company: company-sync verify --company=${shellQuoted(named)}` }]),
  ];
}

function totals(
  { topic, partitions, records, companies, fates, announcements, deadLetters, leftOut }: VerifyReport,
  plan: Plan,
): Line[] {
  const lines = [
    `${records} records of ${topic} in ${partitions.length} partitions, ${companies} companies, ` +
      `${announcements} announcements, ${deadLetters} dead letters`,
  ];
  for (const [fate, meaning] of Object.entries(FATES) as [Fate, string][]) {
    const count = fates[fate];
    if (count !== undefined)
      lines.push(`${String(count).padStart(10)}  ${NOT_JUDGED.has(fate) ? 'not judged: ' : ''}${meaning}`);
  }
  if (leftOut.ofOthers > 0)
    lines.push(`left out: ${leftOut.ofOthers} announcements and dead letters of other deployments`);
  if (leftOut.afterEnd > 0) lines.push(`left out: ${leftOut.afterEnd} announcements and dead letters of later records`);
  for (const { partition, from, to, logEnd } of plan.input)
    if (to <= from && logEnd > from)
      lines.push(
        `partition ${partition}: nothing between ${from} and ${logEnd} was processed by ${plan.applicationId}`,
      );
  return lines.map((line) => ({ line }));
}

function verdict({ anomalies, counts, fates }: VerifyReport): Line {
  const notJudged = [...NOT_JUDGED].reduce((sum, fate) => sum + (fates[fate] ?? 0), 0);
  const unjudged = notJudged === 0 ? '' : `; ${notJudged} companies could not be judged in full`;
  if (anomalies === 0) return { line: `no anomaly${unjudged}`, colour: notJudged === 0 ? 'green' : 'yellow' };
  const found = FINDING_KINDS.filter((kind) => counts[kind] > 0).map((kind) => `${IN_WORDS[kind]} ${counts[kind]}`);
  return { line: `${anomalies} anomalies: ${found.join(', ')}${unjudged}`, colour: 'red' };
}
