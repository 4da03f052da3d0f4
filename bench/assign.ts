/**
 * Measures how long the group's leader takes to assign many partitions to many members, and how many bytes the members
 * report to it:
 *   npm run bench:assign -- [--partitions 1000] [--members 100]
 */
import { parseArgs } from 'node:util';
import { SeededRandom } from '../testkit/seeded-random.js';
import { encodeMemberInfo } from '../src/kafka/group/member-messages.js';
import { assignPartitions, type Assignment, type GroupMember } from '../src/pipeline/assign-partitions.js';
import { describeMachine, thousands } from './lib/figures.js';

const { values } = parseArgs({
  options: { partitions: { type: 'string', default: '1000' }, members: { type: 'string', default: '100' } },
});
const PARTITIONS = Number(values.partitions);
const MEMBERS = Number(values.members);
/** Changelog positions as 100 M companies in this many partitions lead to. Each takes five bytes as a varint. */
const POSITIONS = 2 ** 30;

const random = new SeededRandom(1);
const positions = Array.from({ length: PARTITIONS }, () => POSITIONS + random.integer(0, POSITIONS));

function newMember(id: number, numStandby: number): GroupMember {
  return { memberId: `company-sync-${id}`, partitions: [], statePositions: new Map(), numStandby };
}

/** The members at the next rebalance: each has the state of its partitions, and its standbys are a little behind. */
function after(assignments: ReadonlyMap<string, Assignment>, numStandby: number): GroupMember[] {
  return [...assignments].map(([memberId, { active, standby }]) => ({
    memberId,
    numStandby,
    partitions: active,
    statePositions: new Map([
      ...active.map((partition) => [partition, positions[partition] as number] as const),
      ...standby.map((partition) => [partition, (positions[partition] as number) - random.integer(0, 1_000)] as const),
    ]),
  }));
}

function measured(what: string, members: readonly GroupMember[]): ReadonlyMap<string, Assignment> {
  const startedAt = performance.now();
  const assignments = assignPartitions(PARTITIONS, members);
  const tookMs = performance.now() - startedAt;
  const moved = members.flatMap(({ memberId, partitions }) => {
    const kept = new Set(assignments.get(memberId)?.active);
    return partitions.filter((partition) => !kept.has(partition));
  });
  console.log(`  ${what}: ${thousands(tookMs)} ms, ${thousands(moved.length)} partitions taken from their owners`);
  return assignments;
}

/** Bytes of the info of all members. The leader gets it in one answer to its JoinGroup. */
function reportedBytes(members: readonly GroupMember[]): number {
  const bytes = members.map(({ memberId, numStandby, partitions, statePositions }) => {
    const httpAddress = 'http://company-sync-0.company-sync:8080';
    return encodeMemberInfo({
      httpAddress,
      numStandby: numStandby ?? 0,
      memberId,
      partitions,
      statePositions,
      settings: new Map(),
      changelogId: null,
    }).length;
  });
  return bytes.reduce((sum, length) => sum + length, 0);
}

console.log(describeMachine());
for (const numStandby of [0, 1]) {
  console.log(`${thousands(PARTITIONS)} partitions, ${thousands(MEMBERS)} members, NUM_STANDBY ${numStandby}`);
  const all = Array.from({ length: MEMBERS }, (_, id) => newMember(id, numStandby));
  const members = after(measured('nobody has anything', all), numStandby);
  measured('all stay', members);
  measured('one has left', members.slice(1));
  measured('one has come', [...members, newMember(MEMBERS, numStandby)]);
  console.log(`  the members report ${thousands(reportedBytes(members))} bytes to the leader`);
}
