/** Views of the whole deployment: each instance speaks for the partitions that the group has given to it. */
import { Deployment, type DeploymentOptions } from '../../../src/ops/deployment.js';
import type { InstanceClient } from '../../../src/ops/instance-client.js';
import { NO_FIGURES, type ListedPartition } from '../../../src/ops/partition-figures.js';
import type { ListedCompany, PendingLists } from '../../../src/ops/pending-lists.js';

const LIAR = 'http://liar:8080';
const HONEST = 'http://honest:8080';
const OWNERS = [
  { partition: 0, memberId: 'liar', httpAddress: LIAR },
  { partition: 1, memberId: 'honest', httpAddress: HONEST },
];

const view = (partition: number, reason: string): ListedPartition => {
  return { partition, state: 'running', reason, ...NO_FIGURES };
};

function listed(companyId: string, partition: number): ListedCompany {
  const counts = { datasets: 1, unfinished: 1, unsealedLinks: 0, holds: 0 };
  return { companyId, partition, ...counts, stalled: false, lastProgress: null };
}

function optionsWith(client: Partial<InstanceClient>): DeploymentOptions {
  return {
    local: { statuses: () => new Map(), committed: () => null },
    lists: {
      list: () => Promise.resolve({ companies: [], count: 0, complete: true }),
    } as Partial<PendingLists> as PendingLists,
    figuresOf: () => NO_FIGURES,
    failureOf: () => null,
    partitions: 3,
    owners: () => Promise.resolve(OWNERS),
    client: client as InstanceClient,
    address: () => null,
    addSettings: (message) => message,
  };
}

function deploymentWith(client: Partial<InstanceClient>): Deployment {
  return new Deployment(optionsWith(client));
}

test('the commands in reasons have the settings of the instance whose partitions they are about', () => {
  const status = { state: 'blocked', reason: 'run company-sync positions show' } as const;
  const deployment = new Deployment({
    ...optionsWith({}),
    local: { statuses: () => new Map([[0, status]]), committed: () => null },
    failureOf: () => ({ failingSince: 'then', cause: 'run company-sync doctor' }),
    addSettings: (message) => `${message} --here`,
  });
  expect(deployment.partitionsHere()).toEqual([
    expect.objectContaining({
      reason: 'run company-sync positions show --here',
      cause: 'run company-sync doctor --here',
    }),
  ]);
  const own = new Deployment({
    ...optionsWith({}),
    local: { statuses: () => new Map([[0, { state: 'running', reason: null }]]), committed: () => null },
  });
  expect(own.partitionsHere()).toMatchObject([{ reason: null }]);
});

test('what an instance says of the partitions of others is not shown', async () => {
  const partitions: InstanceClient['partitions'] = async (address, use) => {
    use(await Promise.resolve(address === LIAR ? [0, 1, 2].map((n) => view(n, 'lie')) : [view(1, 'truth')]));
  };
  const views = await deploymentWith({ partitions }).partitionsEverywhere();
  expect(views.map(({ owner, reason }) => [owner, reason])).toEqual([
    [LIAR, 'lie'],
    [HONEST, 'truth'],
    [null, 'its owner is unknown, or does not answer'],
  ]);
});

test('companies that an instance lists in the partitions of others are left out', async () => {
  const list: InstanceClient['list'] = async (address, _state, _limit, use) => {
    const companies = address === LIAR ? [listed('own', 0), listed('alien', 1)] : [listed('true', 1)];
    use(await Promise.resolve({ companies, count: companies.length, complete: true }));
  };
  const { companies, complete } = await deploymentWith({ list }).listEverywhere('held', 10);
  expect([companies.map(({ companyId }) => companyId), complete]).toEqual([['own', 'true'], false]);
});

test('companies without progress since the same hour keep their order, whichever instance answers first', async () => {
  for (const first of [LIAR, HONEST]) {
    let answered: () => void = () => undefined;
    const firstAnswer = new Promise<void>((resolve) => (answered = resolve));
    const list: InstanceClient['list'] = async (address, _state, _limit, use) => {
      if (address !== first) await firstAnswer;
      const companies = address === LIAR ? [listed('a', 0), listed('b', 0)] : [listed('c', 1)];
      use({ companies, count: companies.length, complete: true });
      answered();
    };
    const { companies, count, complete } = await deploymentWith({ list }).listEverywhere('held', 2);
    expect([companies.map(({ companyId }) => companyId), count, complete]).toEqual([['a', 'b'], 3, true]);
  }
});
