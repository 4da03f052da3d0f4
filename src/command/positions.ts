/** `company-sync positions show | set`. */
import { WHAT_TO_DO_ABOUT_GROWTH } from '../kafka/topics/input-growth.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { readPositions, type FoundPositions, type PositionSources } from '../kafka/group/partition-positions.js';
import { PositionsRefusedError, setPositions } from '../kafka/group/set-positions.js';
import { StoppedGroup } from '../kafka/group/stopped-group.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import { systemClock as clock } from '../lib/system-clock.js';
import { commandToSet, judgePositions, TARGETS, type Target } from '../pipeline/position-choices.js';
import { commandLogs, LOGS_READ } from './command-logs.js';
import { consentTyped } from './consent.js';
import { printJson, printToStandardError, type Print } from './print.js';
import { progressTo } from './progress.js';
import type { AddSettings } from '../lib/shell-command.js';
import { command, flagSwitch, partitionFlag, UsageError, wordFlag, type CommandContext } from './command.js';

const READS = [...LOGS_READ, 'topics.syncEvents', 'topics.companyState'] as const;

interface Work {
  readonly applicationId: string;
  readonly sources: PositionSources;
  readonly inputPartitions: number;
  readonly group: StoppedGroup;
  readonly addSettings: AddSettings;
  readonly print: Print;
  readonly printData: Print;
}

export const showCommand = command({
  summary: 'print the positions of each input partition (state, group and input), and whether it can run',
  flags: {
    partition: partitionFlag('show only this partition'),
    json: flagSwitch('print the positions as JSON'),
  },
  reads: READS,
  moreHelp: `The position of the state is the first input offset that it has not read. The group's offset must be equal to
that position and be in the input. Otherwise the partition is blocked, and its line ends with the command that sets the
offset. The command changes nothing. You can run it while instances run.

  company-sync positions show
  company-sync positions show --json | jq '.partitions[] | select(.startsAt == null)'
`,
  exit: ['every partition can run', 'a partition is blocked, or the brokers gave no answer'],
  run: (context, flags) => withWork('positions show', context, (work) => show(work, flags.partition, flags.json)),
});

export const setCommand = command({
  summary: "set the group's offset of blocked partitions, while nothing runs",
  flags: {
    partition: partitionFlag('set only this partition (default: all)'),
    to: wordFlag(
      `<${TARGETS.join('|')}>`,
      TARGETS,
      'state: continue from the position of the state; log-start: read all records that are left in the input; ' +
        'after-batch: skip the batch that cannot be read',
    ),
    yes: flagSwitch('set the offsets without asking'),
  },
  reads: READS,
  moreHelp: `Stop all instances first. For each partition, the command prints the offset that it would set and what you lose: records
that are skipped, companies that may be announced again or never. It asks before it sets anything; without a terminal, pass
--yes. Without --to it only prints the choices. It does not change partitions that can run or that --to does not fit. Exception:
with --to log-start, a partition that has consumed nothing gets the offset 0. If an instance knows that it had state, the offset
0 is your consent to build the state again.

  company-sync positions set
  company-sync positions set --to state
  company-sync positions set --partition 3 --to log-start --yes
`,
  exit: ['every partition can run', 'a partition is still blocked, or the command was refused or failed'],
  run: (context, flags) =>
    withWork('positions set', context, (work) => set(work, flags.partition, flags.to, flags.yes)),
});

async function withWork(
  name: string,
  context: CommandContext<(typeof READS)[number]>,
  perform: (work: Work) => Promise<number>,
): Promise<number> {
  const { config, logger, addSettings, print, printData } = context;
  const { applicationId, topics } = config;
  const kafka = kafkaConfigOf(config, logger);
  const logs = commandLogs(name, context, { topics, asInstances: true });
  const group = new StoppedGroup(kafka, applicationId, clock);
  try {
    const inputPartitions = await partitionsOf(kafka, clock, topics.syncEvents);
    const changelogPartitions = await partitionsOf(kafka, clock, topics.companyState);
    const sources = {
      input: topics.syncEvents,
      changelog: topics.companyState,
      changelogPartitions,
      inputLogs: logs,
      changelogLogs: logs,
      clock,
      read: progressOf(topics.companyState),
    };
    return await perform({ applicationId, sources, inputPartitions, group, addSettings, print, printData });
  } finally {
    await Promise.all([logs.close(), group.close()]);
  }
}

async function show(
  { applicationId, sources, inputPartitions, group, addSettings, print, printData }: Work,
  partition: number | null,
  json: boolean,
): Promise<number> {
  const members = await group.members();
  const found = await readPositions(sources, partitionsWanted(partition, inputPartitions), members.length > 0);
  const shown = found.map(described);
  const allRun = shown.every(({ startsAt }) => startsAt !== null);
  if (json) {
    const partitions = shown.map(({ remedy, ...position }) => ({ ...position, remedy: remedy && addSettings(remedy) }));
    printJson({ group: applicationId, members, partitions }, printData);
  } else {
    print(`group ${applicationId}: ${members.length === 0 ? 'no instance runs' : `runs on ${members.join(', ')}`}`);
    shown.forEach((position, i) =>
      print(lineOf(position, found[i]!, sources.changelog), position.startsAt === null ? 'red' : undefined),
    );
  }
  return allRun ? EXIT_ALL_RUN : EXIT_SOME_BLOCKED;
}

async function set(
  { applicationId, sources, inputPartitions, group, print }: Work,
  partition: number | null,
  target: Target | null,
  yes: boolean,
): Promise<number> {
  const partitions = partitionsWanted(partition, inputPartitions);
  if (sources.changelogPartitions !== inputPartitions)
    throw new PositionsRefusedError(
      `${sources.input} has ${inputPartitions} partitions and the changelog ${sources.changelogPartitions}. ${WHAT_TO_DO_ABOUT_GROWTH}`,
    );
  const consent = (count: number) =>
    yes
      ? Promise.resolve(true)
      : consentTyped(
          `Set the offsets of group ${applicationId} in ${count === 1 ? '1 partition' : `${count} partitions`}?`,
        );
  const ports = { ...sources, applicationId, group, consent, report: (line: string) => print(line) };
  const allRun = await setPositions(ports, partitions, target);
  if (target === null) print('nothing was changed: choose with --to');
  return allRun ? EXIT_ALL_RUN : EXIT_SOME_BLOCKED;
}

const EXIT_ALL_RUN = 0;
const EXIT_SOME_BLOCKED = 1;

/** The positions of one partition, as `--json` prints them. */
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
  const commands = choices.map(({ target }) => commandToSet(partition, target));
  const remedies = startsAt === null ? [remedy ?? commands.join(' or ')] : commands.map(ifStateWasLost);
  const open =
    openFrom === null ? [] : [`a transaction is open in ${changelog}/${partition} from offset ${openFrom} on`];
  const few = byMost ? [] : ['too few brokers answer to trust these numbers'];
  return [`partition ${partition}: ${verdict}: ${numbers}`, ...(byMost ? remedies : []), ...open, ...few].join('; ');
}

/** Only an instance knows whether a partition that seems to begin had state: from its folder, and from announcements. */
function ifStateWasLost(command: string): string {
  return `if an instance says that it had state: ${command}`;
}

function progressOf(changelog: string): (records: number) => void {
  let read = 0;
  const progress = progressTo(printToStandardError, clock);
  return (records) => {
    read += records;
    progress(() => `${read} records of ${changelog} read`);
  };
}

function partitionsWanted(wanted: number | null, count: number): number[] {
  if (wanted === null) return Array.from({ length: count }, (_, partition) => partition);
  if (wanted < count) return [wanted];
  throw new UsageError([`--partition is ${wanted}: expected a partition of the input, 0 to ${count - 1}`]);
}
