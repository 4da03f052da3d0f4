/** Faults of the program that the search over whole instances must find, besides those of the pipeline. */
import { FIRST_WRITE_PROVES_NOTHING, type Change, type PlantedFault } from './pipeline-faults.js';

const OLD_LEADERS: readonly Change[] = [
  {
    file: 'src/kafka/connection/leader-directory.ts',
    from: 'if (before === undefined || leader.epoch > before.epoch) latest',
    to: 'if (before === undefined) latest',
  },
  {
    file: 'src/kafka/connection/leader-directory.ts',
    from: 'address !== undefined && epoch >= highest',
    to: 'address !== undefined',
  },
];
const NO_PROVED_END: readonly Change[] = [FIRST_WRITE_PROVES_NOTHING];
const NO_PROVED_CONTRADICTION: readonly Change[] = [
  { file: 'src/pipeline/partition-view.ts', from: 'proved: false,', to: 'proved: true,' },
];

/** Runs in which brokers give old answers to instances that take partitions over. */
const OLD_ANSWERS = [
  'start with a broker that is cut off',
  'broker cut off with one instance',
  'leader moved',
  'group coordinator moved',
];

/** Old views are refused in several places, so a fault in one of them alone changes little. */
export const INSTANCE_FAULTS: readonly PlantedFault[] = [
  { name: 'old leaders are believed', changes: OLD_LEADERS },
  { name: 'no write proves the end of the changelog', changes: NO_PROVED_END },
  { name: 'no write proves a contradiction', changes: NO_PROVED_CONTRADICTION },
  {
    name: 'old leaders are believed, and no write proves a contradiction',
    aim: OLD_ANSWERS,
    changes: [...OLD_LEADERS, ...NO_PROVED_CONTRADICTION],
  },
  {
    name: 'old leaders are believed, and no write proves anything',
    aim: OLD_ANSWERS,
    changes: [...OLD_LEADERS, ...NO_PROVED_CONTRADICTION, ...NO_PROVED_END],
  },
  {
    name: 'positions are read before the fence, and the first write proves no end',
    aim: ['owner wakes during a take-over'],
    changes: [
      FIRST_WRITE_PROVES_NOTHING,
      {
        file: 'src/pipeline/take-over.ts',
        from: 'producer = await fence(context, partition);\n    const looked = await readView(context, partition);',
        to: 'const looked = await readView(context, partition);\n    producer = await fence(context, partition);',
      },
    ],
  },
  {
    name: 'no fence',
    aim: ['owner wakes during a take-over'],
    changes: [
      {
        file: 'src/pipeline/fence.ts',
        from: 'return `${applicationId}-${input}-${partition}`;',
        to: 'return `${applicationId}-${input}-${partition}-${Math.random()}`;',
      },
    ],
  },
  {
    name: 'the last batch is not undone',
    changes: [{ file: 'src/store/examine-store.ts', from: 'writes.push(...decodeUndo(undo), {', to: 'writes.push({' }],
  },
  {
    name: 'a commit without an answer counts as done',
    aim: ['commit not received', 'process killed'],
    changes: [
      {
        file: 'src/kafka/transactions/transactional-producer.ts',
        from: "throwRefused(await this.#send(coordinator, call), call.request.apiName);\n      this.#state = 'idle';",
        to: "await this.#send(coordinator, call).catch(() => undefined);\n      this.#over = null;\n      this.#state = 'idle';",
      },
    ],
  },
  {
    name: 'aborted records are read',
    changes: [
      {
        file: 'src/kafka/protocol/record-batch-decoder.ts',
        from: 'this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);',
        to: 'this.#aborted = [];',
      },
    ],
  },
  {
    name: 'the restore ends at the old position',
    changes: [
      {
        file: 'src/pipeline/take-over.ts',
        from: 'if (store.readFrom < changelog.end) {',
        to: 'if (store.readFrom > 1e9) {',
      },
    ],
  },
  {
    name: 'an input that was created again is not noticed',
    aim: ['input created again'],
    changes: [
      {
        file: 'src/pipeline/origin.ts',
        from: 'return before !== undefined && inputId !== null && before !== inputId;',
        to: 'return before === undefined && inputId === undefined;',
      },
    ],
  },
  {
    name: 'open transactions of others are read',
    aim: ['transaction of another producer'],
    changes: [
      { file: 'src/kafka/protocol/fetch-shared.ts', from: '.int8(READ_COMMITTED)', to: '.int8(READ_COMMITTED - 1)' },
    ],
  },
  {
    name: 'an instance that gives no answer counts as one without the company',
    aim: ['process killed', 'process frozen'],
    changes: [
      {
        file: 'src/ops/company-directory.ts',
        from: "if ('unknownBecause' in answer) reasons.push(`${address}: ${answer.unknownBecause}`);",
        to: "if ('unknownBecause' in answer) continue;",
      },
    ],
  },
];
