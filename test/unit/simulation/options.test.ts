/** The commands of the simulation refuse wrong options, and say what is right. */
import { runProgram } from '../../../testkit/command.js';

const run = (main: string, words: readonly string[]) =>
  runProgram(['--import', 'tsx', `testkit/simulation/${main}`, ...words]);

test.each([
  ['main.ts', ['--without', 'record 1', '--seeds', '1'], "--without must look like 'faults 3,7; records 10-40'"],
  ['main.ts', ['--without', 'records 1', '--seeds', '2'], '--without needs --seeds 1'],
  ['planted/main.ts', ['--seeds', 'x'], "--seeds must be a whole number from 1: it is 'x'"],
  ['planted/main.ts', ['no such name'], '  a hold is ignored'],
  ['planted/main.ts', ['--tests', '--shrink'], '--tests prints all rules'],
])('%s refuses %j', async (main, words, why) => {
  const { exitCode, stdout, stderr } = await run(main, words);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain(why);
  expect(stderr).toMatch(/All options: npm run simulate(:planted)? -- --help\n$/);
});

test('planted/main.ts prints its options', async () => {
  const { exitCode, stdout } = await run('planted/main.ts', ['--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('--instances');
});
