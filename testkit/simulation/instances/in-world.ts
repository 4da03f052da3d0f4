import { SeededRandom } from '../../seeded-random.js';
import { takeOverGlobals } from '../globals.js';
import { globalTimeOf } from './process.js';
import type { World } from './world.js';

/** Runs `use` while the globals follow the time of a world. A promise that nobody catches ends its process. */
export async function inWorld<T>(world: World, use: () => Promise<T>): Promise<T> {
  const release = takeOverGlobals(globalTimeOf(world), new SeededRandom(world.seed + 5_000_011));
  const onRejection = (error: unknown): void => world.time.current?.crash(error);
  process.on('unhandledRejection', onRejection);
  try {
    return await use();
  } finally {
    process.off('unhandledRejection', onRejection);
    release();
  }
}
