/** A second process for instance-lock.test.ts: tries to take the folder, prints the result, and waits to be killed. */
import { CallDeadline } from '../../../src/store/call-deadline.js';
import { InstanceLock } from '../../../src/store/instance-lock.js';
import { systemClock } from '../../../src/lib/system-clock.js';

InstanceLock.take(process.argv[2] as string, systemClock, new CallDeadline(systemClock)).then(
  async (lock) => {
    await lock.set('memberId', 'of the other process');
    process.stdout.write('taken\n');
    setInterval(() => undefined, 1_000);
  },
  (error: Error) => process.stdout.write(`${error.name}: ${error.message}\n`),
);
