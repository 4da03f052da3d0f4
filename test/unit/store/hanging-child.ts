/** The process that timed-state-directory.test.ts lets hang: it opens a store that hangs, and must end. */
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess } from '../../../src/command/end-process.js';
import { RocksStateDirectory } from '../../../src/store/rocks-state-directory.js';
import { TimedStateDirectory } from '../../../src/store/timed-state-directory.js';
import { systemClock } from '../../../src/lib/system-clock.js';

async function hang(): Promise<never> {
  const directory = new TimedStateDirectory(new RocksStateDirectory(process.argv[2] ?? '', systemClock), systemClock);
  void directory.open(3);
  await delay(100);
  return endProcess(process, 0, directory.longestMs > 0);
}

void hang();
