/** A process that runs cannot write to files while its limit is 0, as if the disk were full. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limitFiles } from '../../../testkit/chaos/file-limit.js';
import { impossibleHere } from '../../../testkit/chaos/chaos-cluster.js';

/** Appends to a file at each message, and answers with the code of the error. */
const WRITER = `process.on('message', (file) => {
  try { require('node:fs').appendFileSync(file, 'x'.repeat(100)); process.send('written'); }
  catch ({ code }) { process.send(code); }
});`;

const whyNot = impossibleHere().get('disk full');
if (whyNot !== undefined) console.warn(`the test of the file-size limit is skipped: ${whyNot}`);

(whyNot === undefined ? test : test.skip)(
  'a limit of 0 refuses writes, and without it they succeed again',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'file-limit-'));
    const writer = spawn(process.execPath, ['-e', WRITER], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const write = async (): Promise<unknown> => {
      writer.send(join(folder, 'file'));
      return ((await once(writer, 'message')) as unknown[])[0];
    };
    try {
      const { pid = 0 } = writer;
      expect(await write()).toBe('written');
      await limitFiles(pid, 0);
      expect(await write()).toBe('EFBIG');
      await limitFiles(pid, 'unlimited');
      expect(await write()).toBe('written');
    } finally {
      writer.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
