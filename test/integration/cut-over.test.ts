/**
 * Replacing a system that has notified customers so far: no customer is notified twice, and no company is forgotten.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TopicRecord } from '../../testkit/audit/topic-record.js';
import { currentCluster } from '../support/current-cluster.js';
import { runCommand, type CommandResult } from '../../testkit/command.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import {
  announcedCompanies,
  announcements,
  committedRecords,
  consumed,
  consumedToEnd,
  deadLetterCodes,
  type Announced,
} from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors } from '../../testkit/processor.js';
import { createTopic } from '../support/topics.js';

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
  test('silences companies that wait, are on hold, or were never seen; a second run does nothing', async () => {
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
        exitCode: 0,
        stderr: '',
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
    expect(stdout).toMatch(/^waiting: announced by another system, reported at .* by record \d\/\d+: it is not/);
  });

  test('sends nothing if a line of the list is not an id', async () => {
    const seeded = await command(['companies', 'seed', '--file', listed('good', 'bad ', 'id\tname')]);
    expect(seeded).toMatchObject({ exitCode: 1, stderr: '' });
    expect(seeded.stdout).toMatch(/^line 2 has white space.*\nline 3 has a tab.*\nnothing was sent/);
    expect((await command(['explain', 'good'])).stdout).toContain('no record of this company was seen');
  });

  test('is refused without a list', async () => {
    expect(await command(['companies', 'seed'])).toMatchObject({ exitCode: 2, stdout: '' });
  });

  test('is refused if the platform uses another partitioner', async () => {
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

describe('run --shadow', () => {
  test('decides as the deployment does, with its event ids, and writes only to its own topics', async () => {
    const [badRecord, mended] = await platform.send([
      { key: 'on-hold', value: Buffer.from('no avro') },
      { key: 'mended', value: Buffer.from('no avro') },
      ...platform.completeCompany('decided by both'),
    ]);
    await consumedToEnd(deployment);
    const { topics } = deployment;
    const shadow: Deployment = {
      ...deployment,
      applicationId: `${deployment.applicationId}-shadow`,
      topics: {
        events: topics.events,
        settings: topics.settings,
        state: `${deployment.applicationId}-shadow-company-state`,
        synchronized: `${topics.synchronized}-shadow`,
        deadLetters: `${topics.deadLetters}-shadow`,
        stalled: `${topics.stalled}-shadow`,
        failed: `${topics.failed}-shadow`,
      },
    };
    for (const words of [['topics', 'create', '--partitions', '3'], ['schemas', 'register'], ['doctor']])
      expect(await command([...words, '--shadow'])).toMatchObject({ exitCode: 0, stderr: '' });
    const before = await Promise.all([announcements(deployment), deadLetterCodes(deployment)]);
    const running = await processors.startReady(deployment, { settings: { SHADOW: 'true' } });
    await consumedToEnd(shadow);

    const places = ({ record, event }: Announced) => ({ place: record.partition, event });
    const [announced, letters] = before;
    expect((await announcements(shadow)).map(places)).toEqual(announced.map(places));
    expect(await deadLetterCodes(shadow)).toEqual(letters);
    expect(await Promise.all([announcements(deployment), deadLetterCodes(deployment)])).toEqual(before);

    const tail = await command(['events', 'tail', '--shadow', '--to-end', '--json']);
    expect(tail.stdout.trim().split('\n')).toHaveLength(announced.length);
    const record = `${badRecord?.partition}/${badRecord?.offset}`;
    const explained = await command(['explain', 'on-hold', '--shadow']);
    expect(explained.stdout).toContain(`held: record ${record}`);

    // Records in the input would also count for the deployment: its hold would be lifted, or its partitions would grow.
    for (const words of [
      ['dead-letters', 'release', 'on-hold'],
      ['dead-letters', 'repair', record],
      ['companies', 'seed', '--file', listed('on-hold')],
      ['events', 'send', '--file', 'examples/events.jsonl'],
    ])
      expect(await command([...words, '--shadow'])).toMatchObject({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringContaining('shares with') as string,
      });
    expect((await command(['explain', 'on-hold'])).stdout).toContain(`held: record ${record}`);

    // Without --shadow it is a repair for both, whichever of them has the dead letter.
    const file = join(folder, 'event.json');
    writeFileSync(file, '{"companyId": "mended", "clientId": "client-1", "payload": {"CompanyDeleted": {}}}');
    const letter = [`${mended?.partition}/${mended?.offset}`, '--topic-dead-letter', shadow.topics.deadLetters];
    expect(await command(['dead-letters', 'repair', ...letter, '--file', file, '--yes'])).toMatchObject({
      exitCode: 0,
    });
    await Promise.all([consumedToEnd(deployment), consumedToEnd(shadow)]);
    for (const words of [
      ['explain', 'mended'],
      ['explain', 'mended', '--shadow'],
    ])
      expect((await command(words)).stdout).toMatch(/^mended: deleted/);

    expect(await running.stop()).toBe(0);
    expect(await command(['repartition', '--shadow', '--partitions', '5'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('is shared with') as string,
    });
    const ofOther = processors.start(deployment, { stateDir: running.stateDir });
    expect(await ofOther.exited).toBe(2);
    expect(ofOther.messages).toContain(`holds state of ${shadow.applicationId}`);
  });
});

describe('events resend', () => {
  let copies: string;

  beforeAll(async () => {
    copies = await createTopic(deployment.bootstrap, { numPartitions: 3 });
    await consumed(deployment, await platform.send(platform.completeCompany('resent', { partition: 2 })));
  });

  async function copiesIn(topic: string): Promise<TopicRecord[]> {
    const records = await committedRecords(deployment, topic);
    return records.filter(({ key, headers }) => key?.toString() === 'resent' && headers.has('resent_from'));
  }

  function resend(company: string, to: string, settings = {}): Promise<CommandResult> {
    return runCommand(['events', 'resend', company, '--to', to], { ...deployment.environment, ...settings });
  }

  test('sends the announcement itself again, byte for byte, and prints its place', async () => {
    const announced = (await announcements(deployment)).find(({ event }) => event.companyId === 'resent');
    const original = announced?.record as TopicRecord;
    expect(await resend('resent', copies)).toEqual({
      exitCode: 0,
      stderr: '',
      stdout:
        `sent event ${announced?.event.eventId} of resent to ${copies}, ` +
        `from ${deployment.topics.synchronized} ${original.partition}/${original.offset}\n`,
    });
    const [copy] = await copiesIn(copies);
    const from = `${deployment.topics.synchronized}/${original.partition}/${original.offset}`;
    expect(copy).toMatchObject({ key: original.key, value: original.value, partition: original.partition });
    expect([...(copy as TopicRecord).headers]).toEqual([...original.headers, ['resent_from', [Buffer.from(from)]]]);
  });

  test('reads the topic if no instance can be asked', async () => {
    const [before] = await copiesIn(copies);
    // The shadow's announcements are in their own topic: no instance runs for this topic.
    const nobody = { APPLICATION_ID: 'nobody', EVENT_NAMESPACE: deployment.applicationId };
    const { exitCode, stderr } = await resend('resent', copies, nobody);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('reading all of') as string });
    const both = await copiesIn(copies);
    expect(both).toHaveLength(2);
    expect(both[1]).toMatchObject({ key: before?.key, value: before?.value, headers: before?.headers });
  });

  test('may send to the topic of the announcements, and explain still finds every event', async () => {
    for (let copy = 1; copy <= 3; copy++)
      expect(await resend('resent', deployment.topics.synchronized)).toMatchObject({ exitCode: 0 });
    expect(await copiesIn(deployment.topics.synchronized)).toHaveLength(3);
    const { stdout } = await command(['explain', 'decided by both', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'announced', notes: [] });
  });

  test('reports why there is nothing to send', async () => {
    const refusals = {
      waiting: 'announced by another system',
      'on-hold': 'held',
      'never seen': 'no record of this company',
    };
    for (const [company, why] of Object.entries(refusals))
      expect(await resend(company, copies)).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringContaining(why) as string,
      });
    const nobody = { APPLICATION_ID: 'nobody', EVENT_NAMESPACE: deployment.applicationId };
    expect((await resend('waiting', copies, nobody)).stderr).toContain('retention has removed the event');
  });

  test('is refused for topics of another purpose, and for a missing topic', async () => {
    const { events, settings, state, deadLetters, stalled, failed } = deployment.topics;
    for (const topic of [events, settings, state, deadLetters, stalled, failed])
      expect(await resend('resent', topic)).toMatchObject({ exitCode: 2, stdout: '' });
    expect(await command(['events', 'resend', 'resent'])).toMatchObject({ exitCode: 2, stdout: '' });
    expect((await resend('resent', 'no-such-topic')).stderr).toContain('topic no-such-topic does not exist');
  });
});
