/** Ctrl-S in the terminal that shows the log stops only the terminal. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { REPOSITORY } from '../../../testkit/command.js';

const HAS_PYTHON = spawnSync('python3', ['--version']).status === 0;
const ifPython = HAS_PYTHON && process.platform === 'linux' ? test : test.skip;

ifPython(
  'a terminal whose output is stopped blocks nothing',
  () => {
    const support = (file: string) => join(REPOSITORY, 'test', 'support', file);
    const program = [process.execPath, '--import', 'tsx', support('logs-to-terminal.ts')];
    const { stdout, status } = spawnSync('python3', [support('stopped-terminal.py'), ...program], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect({ stdout, status }).toEqual({ stdout: 'done', status: 0 });
  },
  60_000,
);
