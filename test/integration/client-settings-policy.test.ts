/**
 * Which policy judges a record: the date ALL_DATASETS_FROM by the record's timestamp, and before it the client's
 * choice.
 */
import { currentCluster } from '../support/current-cluster.js';
import { pollUntil } from '../../testkit/cluster/poll-until.js';
import { auditCluster } from '../../testkit/audit/audit-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { announcements, consumed } from '../support/outbound.js';
import { Platform, type Place, type TriggerChoice } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const processors = new Processors();
let deployment: Deployment;
let platform: Platform;
let processor: Processor;

/**
 * These choices must be read before the first decision: the records of these clients are in the input before the
 * processor starts.
 */
beforeAll(async () => {
  deployment = await deploy(currentCluster());
  platform = await Platform.connect(deployment);
});

afterAll(async () => {
  await platform.close();
  await processors.endAll();
});

/** Writes a company of two datasets whose statuses all have the same timestamp. Returns the places of the statuses. */
async function play(companyId: string, clientId: string, timestamp: number): Promise<Place[]> {
  const envelope = { clientId, timestamp };
  return platform.send([
    platform.manifest(companyId, { datasets: ['1', '2'] }, envelope),
    platform.status(companyId, '1', 'Complete', {}, envelope),
    platform.status(companyId, '2', 'FetchError', {}, envelope),
    platform.status(companyId, '2', 'Complete', {}, envelope),
  ]);
}

/** The policy and the offset of each announcement of the company. */
async function announced(companyId: string): Promise<[string, number][]> {
  const found = (await announcements(deployment)).filter(({ event }) => event.companyId === companyId);
  return found.map(({ event }) => [event.trigger, event.source.offset]);
}

function expected(policy: TriggerChoice, place: Place | undefined): [string, number | undefined][] {
  return [[policy, place?.offset]];
}

test('the choices that exist at the start are read before the first decision', async () => {
  const past = deployment.allDatasetsFrom - 60_000;
  await platform.choose('opted in', 'ALL_DATASETS');
  await platform.choose('changed their mind', 'ALL_DATASETS');
  await platform.choose('changed their mind', 'FIRST_DATASET');
  await platform.choose('went back', 'ALL_DATASETS');
  await platform.choose('went back', null);
  const optedIn = await play('a', 'opted in', past);
  const changed = await play('b', 'changed their mind', past);
  const back = await play('c', 'went back', past);
  const never = await play('d', 'never chose', past);
  processor = await processors.startReady(deployment);
  await consumed(deployment, [...optedIn, ...changed, ...back, ...never]);
  expect(await announced('a')).toEqual(expected('ALL_DATASETS', optedIn[2]));
  expect(await announced('b')).toEqual(expected('FIRST_DATASET', changed[1]));
  expect(await announced('c')).toEqual(expected('FIRST_DATASET', back[1]));
  expect(await announced('d')).toEqual(expected('FIRST_DATASET', never[1]));
});

test("the date decides by the record's timestamp, whatever the client chose", async () => {
  const from = deployment.allDatasetsFrom;
  await platform.choose('early settler', 'FIRST_DATASET');
  const before = await play('just before', 'early settler', from - 1);
  const at = await play('at the date', 'early settler', from);
  const now = await play('long after', 'early settler', Date.now());
  await consumed(deployment, [...before, ...at, ...now]);
  expect(await announced('just before')).toEqual(expected('FIRST_DATASET', before[1]));
  expect(await announced('at the date')).toEqual(expected('ALL_DATASETS', at[2]));
  expect(await announced('long after')).toEqual(expected('ALL_DATASETS', now[2]));
});

test('a choice that is made or withdrawn at run time takes effect', async () => {
  await platform.choose('follower', 'ALL_DATASETS');
  await inForce('follower', 'ALL_DATASETS');
  await platform.choose('follower', null);
  await inForce('follower', 'FIRST_DATASET');
});

test('no company is announced a second time when the policy changes', async () => {
  const past = deployment.allDatasetsFrom - 1;
  const [client, company] = ['fickle', 'of the fickle'];
  const first = await play(company, client, past);
  await consumed(deployment, first);
  await platform.choose(client, 'ALL_DATASETS');
  await inForce(client, 'ALL_DATASETS');
  await consumed(deployment, await play(company, client, past));
  await consumed(deployment, await play(company, client, Date.now()));
  await processor.stop();
  processor = await processors.startReady(deployment, { stateDir: processor.stateDir });
  await consumed(deployment, await play(company, client, Date.now()));
  expect(await announced(company)).toEqual(expected('FIRST_DATASET', first[1]));
});

test('an audit by the reference model finds no company early, late, twice or never', async () => {
  const { anomalies, announced } = await auditCluster({ ...deployment, settingsInPlaceBefore: 5 });
  expect(anomalies).toEqual([]);
  expect(announced).toBeGreaterThan(8);
});

let probes = 0;

/** Waits until new companies of the client are judged by `policy`: nothing else shows which choice is in force. */
async function inForce(clientId: string, policy: TriggerChoice): Promise<void> {
  const probe = async () => {
    const companyId = `probe ${probes++}`;
    await consumed(deployment, await play(companyId, clientId, deployment.allDatasetsFrom - 1));
    const [judged] = await announced(companyId);
    return judged?.[0] === policy;
  };
  await pollUntil(probe, { awaited: `${policy} is in force for ${clientId}`, timeoutMs: 20_000 });
}
