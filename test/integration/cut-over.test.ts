/** What it takes to replace a system that has told customers so far: nobody is told twice, and nobody is forgotten. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentCluster } from '../support/cluster/current.js';
import { runCommand, type CommandResult } from '../support/command.js';
import { deploy, type Deployment } from '../support/deployment.js';
import { announcedCompanies, consumed, consumedToEnd, deadLetterCodes } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../support/processor.js';

const processors = new Processors();
const folder = mkdtempSync(join(tmpdir(), 'cut-over-'));
let deployment: Deployment;
let platform: Platform;

beforeAll(async () => {
  deployment = await deploy(currentCluster());
  platform = await Platform.connect(deployment);
  await processors.startReady(deployment);
});
afterAll(async () => {
  await platform.close();
  await processors.endAll();
  rmSync(folder, { recursive: true, force: true });
});

function command(words: readonly string[], of = deployment): Promise<CommandResult> {
  return runCommand(words, of.environment);
}

function listed(...lines: string[]): string {
  const file = join(folder, 'ids.txt');
  writeFileSync(file, lines.join('\n'));
  return file;
}

describe('companies seed', () => {
  test('silences companies that wait, that are held, and that nothing was seen of; again does nothing', async () => {
    await consumed(
      deployment,
      await platform.send([
        platform.manifest('waiting', { datasets: ['a'] }),
        ...platform.completeCompany('announced before'),
        { key: 'held', value: Buffer.from('no avro') },
        ...platform.completeCompany('held'),
      ]),
    );
    const file = listed('# told by the predecessor', 'waiting', 'held', '', '"# new\\n公司"', 'announced before');
    for (let time = 1; time <= 2; time++)
      expect(await command(['companies', 'seed', '--file', file, '--by', 'monolith'])).toEqual({
        ...{ exitCode: 0, stderr: '' },
        stdout:
          '4 companies to mark, from "waiting" to "announced before"\n' +
          `4 companies marked as announced elsewhere, by records of ${deployment.topics.events}\n`,
      });
    await platform.send([
      platform.status('waiting', 'a', 'Complete'),
      ...platform.completeCompany('# new\n公司'),
      ...platform.completeCompany('not in the list'),
    ]);
    await consumedToEnd(deployment);

    expect(await announcedCompanies(deployment)).toEqual(['announced before', 'not in the list']);
    expect(await deadLetterCodes(deployment)).toHaveLength(1);
    const { stdout } = await command(['explain', 'waiting']);
    expect(stdout).toMatch(/^waiting: announced by another system, as was said at .* by record \d\/\d+: it is not/);
  });

  test('of a list with a line that is no id, nothing is sent', async () => {
    const seeded = await command(['companies', 'seed', '--file', listed('good', 'bad ', 'id\tname')]);
    expect(seeded).toMatchObject({ exitCode: 1, stderr: '' });
    expect(seeded.stdout).toMatch(/^line 2 has white space.*\nline 3 has a tab.*\nnothing was sent/);
    expect((await command(['explain', 'good'])).stdout).toContain('no record of this company was seen');
  });

  test('is refused without a list', async () => {
    expect(await command(['companies', 'seed'])).toMatchObject({ exitCode: 2, stdout: '' });
  });

  test('is refused where the platform puts companies elsewhere than it would', async () => {
    const otherwise = await deploy(currentCluster());
    const producer = await Platform.connect(otherwise);
    await producer.send(['a', 'b', 'c'].map((id) => ({ ...producer.manifest(id, { datasets: [] }), partition: 0 })));
    await producer.close();
    const seeded = await command(['companies', 'seed', '--file', listed('a', 'b')], otherwise);
    expect(seeded).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("Kafka's default partitioner") as string,
    });
  });
});
