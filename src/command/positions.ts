/** `company-sync positions show | set`. */
import type { Logger } from 'pino';
import type { Config, Flags } from '../config.js';
import { WHAT_TO_DO_ABOUT_GROWTH } from '../kafka/topics/input-growth.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { readPositions, type FoundPositions, type PositionSources } from '../kafka/group/partition-positions.js';
import { PositionsRefusedError, setPositions } from '../kafka/group/set-positions.js';
import { StoppedGroup } from '../kafka/group/stopped-group.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import { systemClock as clock } from '../lib/system-clock.js';
import { commandToSet, judgePositions, TARGETS, type Target } from '../pipeline/position-choices.js';
import { commandLogs } from './command-logs.js';
import { consentTyped } from './consent.js';
import { printJson, printToStandardError, type Print } from './print.js';
import { progressTo } from './progress.js';
import { UsageError } from './usage-error.js';

type Verb = 'show' | 'set';

interface Work {
  readonly applicationId: string;
  readonly sources: PositionSources;
  readonly inputPartitions: number;
  readonly group: StoppedGroup;
  readonly own: Flags;
  readonly print: Print;
}

/** @returns the exit code */
export async function positionsCommand(
  verb: Verb,
  config: Config,
  own: Flags,
  logger: Logger,
  print: Print,
): Promise<number> {
  const { applicationId, topics } = config;
  const kafka = kafkaConfigOf(config, logger);
  const inputLogs = commandLogs(`positions ${verb}`, config, logger);
  const changelogLogs = commandLogs(`positions ${verb}`, config, logger, 'compacted');
  const group = new StoppedGroup(kafka, applicationId, clock);
  try {
    const inputPartitions = await partitionsOf(kafka, clock, topics.syncEvents);
    const changelogPartitions = await partitionsOf(kafka, clock, topics.companyState);
    const sources = {
      ...{
        input: topics.syncEvents,
        changelog: topics.companyState,
        changelogPartitions,
        inputLogs,
        changelogLogs,
        clock,
      },
      read: progressOf(topics.companyState),
    };
    const work = { applicationId, sources, inputPartitions, group, own, print };
    return await (verb === 'show' ? show(work) : set(work));
  } finally {
    await Promise.all([inputLogs.close(), changelogLogs.close(), group.close()]);
  }
}

async function show({ applicationId, sources, inputPartitions, group, own, print }: Work): Promise<number> {
  const members = await group.members();
  const found = await readPositions(sources, partitionsWanted(own, inputPartitions), members.length > 0);
  const shown = found.map(described);
  const all = shown.every(({ startsAt }) => startsAt !== null);
  if (own['json'] === true) printJson({ group: applicationId, members, partitions: shown }, print);
  else {
    print(`group ${applicationId}: ${members.length === 0 ? 'no instance runs' : `runs on ${members.join(', ')}`}`);
    shown.forEach((one, i) =>
      print(lineOf(one, found[i]!, sources.changelog), one.startsAt === null ? 'red' : undefined),
    );
  }
  return all ? EXIT_ALL_RUN : EXIT_SOME_BLOCKED;
}

async function set({ applicationId, sources, inputPartitions, group, own, print }: Work): Promise<number> {
  const target = targetOf(own);
  const partitions = partitionsWanted(own, inputPartitions);
  if (sources.changelogPartitions !== inputPartitions)
    throw new PositionsRefusedError(
      `${sources.input} has ${inputPartitions} partitions and the changelog ${sources.changelogPartitions}. ${WHAT_TO_DO_ABOUT_GROWTH}`,
    );
  const consent = (count: number) =>
    own['yes'] === true
      ? Promise.resolve(true)
      : consentTyped(
          `Set the offsets of group ${applicationId} in ${count === 1 ? '1 partition' : `${count} partitions`}?`,
        );
  const ports = { ...sources, applicationId, group, consent, report: (line: string) => print(line) };
  const all = await setPositions(ports, partitions, target);
  if (target === null) print('nothing was changed: choose with --to');
  return all ? EXIT_ALL_RUN : EXIT_SOME_BLOCKED;
}

const EXIT_ALL_RUN = 0;
const EXIT_SOME_BLOCKED = 1;

/** As `--json` has it. */
function described(positions: FoundPositions) {
  const { partition, changelog, committed, input } = positions;
  const { verdict, startsAt, choices, remedy } = judgePositions(positions);
  const { start, end } = input;
  return { partition, verdict, state: changelog, committed, input: { start, end }, startsAt, choices, remedy };
}

function lineOf(
  { partition, verdict, state, committed, input, startsAt, choices, remedy }: ReturnType<typeof described>,
  { openFrom, byMost }: Pick<FoundPositions, 'openFrom' | 'byMost'>,
  changelog: string,
): string {
  const numbers = `state ${state?.offset ?? 'none'}, group's offset ${committed ?? 'none'}, input ${input.start} to ${input.end}`;
  const what =
    startsAt !== null ? [] : [remedy ?? choices.map(({ target }) => commandToSet(partition, target)).join(' or ')];
  const open =
    openFrom === null ? [] : [`a transaction is open in ${changelog}/${partition} from offset ${openFrom} on`];
  const few = byMost ? [] : ['too few brokers answer to trust these numbers'];
  return [`partition ${partition}: ${verdict}: ${numbers}`, ...(byMost ? what : []), ...open, ...few].join('; ');
}

function progressOf(changelog: string): (records: number) => void {
  let read = 0;
  const progress = progressTo(printToStandardError);
  return (records) => {
    read += records;
    progress(() => `${read} records of ${changelog} read`);
  };
}

function partitionsWanted(own: Flags, count: number): number[] {
  const text = own['partition'];
  if (text === undefined) return Array.from({ length: count }, (_, partition) => partition);
  const partition = Number(text);
  if (typeof text === 'string' && /^\d+$/.test(text) && partition < count) return [partition];
  throw new UsageError([
    `--partition is ${JSON.stringify(text)}: expected a partition of the input, 0 to ${count - 1}`,
  ]);
}

function targetOf(own: Flags): Target | null {
  const text = own['to'];
  if (text === undefined) return null;
  const target = TARGETS.find((one) => one === text);
  if (target !== undefined) return target;
  throw new UsageError([`--to is ${JSON.stringify(text)}: expected ${TARGETS.join(' or ')}`]);
}
