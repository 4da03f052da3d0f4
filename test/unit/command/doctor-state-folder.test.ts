import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../../src/command/finding.js';
import { examineStateFolder } from '../../../src/command/doctor-state-folder.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'doctor-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function findingsOf(stateDir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const finding of examineStateFolder(stateDir, null)) findings.push(finding);
  return findings;
}

test('a path below a file is refused', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(await findingsOf(join(file, 'state'))).toEqual([
    {
      check: 'state folder',
      status: 'failed',
      message: expect.stringContaining('set STATE_DIR to a folder') as string,
    },
  ]);
});

test('a folder that can be written, but not read as state, is no reason to choose another one', async () => {
  mkdirSync(join(folder, 'instance', 'LOCK'), { recursive: true });
  const findings = await findingsOf(folder);
  expect(findings.at(-1)).toMatchObject({ status: 'failed', message: expect.stringContaining(folder) as string });
  expect(findings.at(-1)?.message).not.toContain('set STATE_DIR');
});
