/** Looks into the state folder given and says what came of it: in a process of its own, for locks are a process's. */
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
