/** A second process for instance-lock.test.ts: tries to take the folder, says how that went, and waits to be killed. */
import { InstanceLock } from '../../../src/store/instance-lock.js';

InstanceLock.take(process.argv[2] as string, { now: () => 0 }).then(
  async (lock) => {
    await lock.set('memberId', 'of the other process');
    process.stdout.write('taken\n');
    setInterval(() => undefined, 1_000);
  },
  (error: Error) => process.stdout.write(`${error.name}: ${error.message}\n`),
);
