/**
 * Reads the given state folder and prints the result. It is a process of its own, because locks belong to a process.
 */
import { lookIntoStopped } from '../../../src/store/stopped-instance.js';

let seen = 0;
const look = () => {
  seen++;
  return Promise.resolve(null);
};
await lookIntoStopped(process.argv[2] ?? '', look).then(
  () => console.log(`seen ${seen}`),
  (error: unknown) => console.log((error as Error).name),
);
