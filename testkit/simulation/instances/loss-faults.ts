/** Faults that lose records or positions: an operator must decide how to continue (`operator.ts`). */
import { recreateTopic } from '../../simulated-kafka/operations/topics.js';
import type { SeededRandom } from '../../seeded-random.js';
import { APPLICATION_ID, TOPICS } from './topics.js';
import type { World } from './world.js';

interface Loss {
  readonly world: World;
  readonly random: SeededRandom;
}

export const LOSSES: Readonly<Record<string, (fault: Loss) => void>> = {
  'input created again': (fault) => recreated(fault, TOPICS.syncEvents, /input recreated/, /position outside the log/),
  'changelog created again': (fault) => recreated(fault, TOPICS.companyState, /no state/),
  'announcements created again': (fault) => recreated(fault, TOPICS.companySynchronized),
  'dead letters created again': (fault) => recreated(fault, TOPICS.deadLetter),
  'offsets of the group deleted': ({ world }) => {
    world.losses.happened(/offset missing/);
    const partitions = Array.from({ length: world.partitions }, (_, partition) => partition);
    world.cluster.deleteOffsets(APPLICATION_ID, TOPICS.syncEvents, partitions);
  },
};

/** At most one topic of a run: an offset must say of which log it is. */
function recreated({ world }: Loss, topic: string, ...reasons: RegExp[]): void {
  if (world.losses.recreated !== null) return;
  world.losses.happened(...(reasons.length > 0 ? reasons : [/^$/]));
  world.losses.willRecreate(topic);
  recreateTopic(world.cluster.world, topic);
}
