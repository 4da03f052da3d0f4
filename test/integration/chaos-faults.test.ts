/** The faults of chaos runs that no process shows by itself: each must be there, and must be gone after its healing. */
import { removeQuota, setQuota } from '../../testkit/chaos/quota.js';
import { BrokerNetwork } from '../../testkit/cluster/broker-network.js';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import { currentCluster } from '../support/current-cluster.js';

const CONFIGS_TOOL = 'kafka.admin.ConfigCommand';
const CLIENT_ID = 'throttled by chaos';

test('a quota of a client id is set, and removed', async () => {
  const { bootstrap, kafkaTool } = currentCluster();
  const brokers = bootstrap.split(',').map((address) => ({ address, name: address }));
  const described = () =>
    kafkaTool(CONFIGS_TOOL, ['--describe', '--entity-type', 'clients', '--entity-name', CLIENT_ID]);

  await setQuota(brokers, CLIENT_ID);
  expect(await described()).toMatch(/producer_byte_rate=\d+/);
  expect(await described()).toMatch(/request_percentage=\d+/);

  await removeQuota(brokers, CLIENT_ID);
  expect(await described()).not.toContain('=');
});

const whyNot = BrokerNetwork.unavailable();
if (whyNot !== null) console.warn(`the tests of cut networks are skipped: ${whyNot}`);
const withNetwork = whyNot === null ? test : test.skip;

withNetwork('two brokers that are cut apart lose each other, and both reach the third one', async () => {
  const network = BrokerNetwork.create(3);
  try {
    const [one, two, three] = network.places.map(({ within = [], addresses }) => ({
      within,
      host: addresses.peers?.split(':')[0] ?? '',
    }));
    if (one === undefined || two === undefined || three === undefined) throw new Error('a broker has no place');
    const reached = async () => ({
      oneToTwo: await reaches(one.within, two.host),
      twoToOne: await reaches(two.within, one.host),
      oneToThree: await reaches(one.within, three.host),
      threeToTwo: await reaches(three.within, two.host),
    });
    const whole = { oneToTwo: true, twoToOne: true, oneToThree: true, threeToTwo: true };
    expect(await reached()).toEqual(whole);

    network.cutApart(1, 2);
    expect(await reached()).toEqual({ ...whole, oneToTwo: false, twoToOne: false });

    network.joinAgain(1, 2);
    expect(await reached()).toEqual(whole);
  } finally {
    network.remove();
  }
});

/** Whether a host answers, with a refusal because nothing listens there. A packet that is dropped gets no answer. */
async function reaches(within: readonly string[], host: string): Promise<boolean> {
  const program = `require('node:net').connect(9, '${host}').on('error', ({ code }) => { console.log(code); process.exit(); });
    setTimeout(() => { console.log('no answer'); process.exit(); }, 2000);`;
  const [file = process.execPath, ...args] = [...within, process.execPath, '-e', program];
  return (await runToEnd(file, args)).trim() === 'ECONNREFUSED';
}
