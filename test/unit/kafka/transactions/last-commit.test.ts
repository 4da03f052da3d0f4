/** The places of acknowledged commits: they distinguish a commit that brokers have left open from a later abort. */
import { LastCommit } from '../../../../src/kafka/transactions/last-commit.js';

const CHANGELOG = { topic: 'changelog', partition: 0 };
const OUTBOUND = { topic: 'outbound', partition: 0 };
const OUR_TIMEOUT_MS = 19_500;

function committed(commits: LastCommit, changelogEnd: number, outboundEnd?: number): void {
  commits.begun(outboundEnd === undefined ? [CHANGELOG] : [CHANGELOG, OUTBOUND]);
  commits.wrote(CHANGELOG, changelogEnd);
  if (outboundEnd !== undefined) commits.wrote(OUTBOUND, outboundEnd);
  commits.committed();
}

test('a commit that announced something is known after later ones that announced nothing', () => {
  const commits = new LastCommit(OUR_TIMEOUT_MS);
  committed(commits, 10, 5);
  committed(commits, 20);
  committed(commits, 30);
  expect(commits.known?.endIn(OUTBOUND)).toBe(5);
  expect(commits.known?.endIn(CHANGELOG)).toBe(30);
});

test('a transaction that was not committed does not change the known commits', () => {
  const commits = new LastCommit(OUR_TIMEOUT_MS);
  committed(commits, 10, 5);
  expect(commits.known?.isLastIn(OUTBOUND)).toBe(true);
  commits.begun([CHANGELOG, OUTBOUND]);
  commits.wrote(OUTBOUND, 7);
  expect(commits.known?.endIn(OUTBOUND)).toBe(5);
  committed(commits, 20);
  expect(commits.known?.endIn(OUTBOUND)).toBe(5);
  expect(commits.known?.isLastIn(OUTBOUND)).toBe(false);
  committed(commits, 30, 9);
  expect(commits.known?.isLastIn(OUTBOUND)).toBe(true);
});

test('the places of the last commit are those that it wrote to', () => {
  const commits = new LastCommit(OUR_TIMEOUT_MS);
  committed(commits, 10, 5);
  expect(commits.known?.wroteLast(OUTBOUND)).toBe(true);
  commits.begun([CHANGELOG]);
  expect(commits.known?.wroteLast(OUTBOUND)).toBe(true);
  committed(commits, 20);
  expect(commits.known?.wroteLast(OUTBOUND)).toBe(false);
  expect(commits.known?.wroteLast(CHANGELOG)).toBe(true);
});

describe('what came after a commit', () => {
  const OTHER_TIMEOUT_MS = OUR_TIMEOUT_MS + 1;
  let commits: LastCommit;
  /** In the session of epoch 5. */
  beforeEach(() => {
    commits = new LastCommit(OUR_TIMEOUT_MS);
    described('CompleteCommit', 4, OTHER_TIMEOUT_MS);
    fenced(5);
    committed(commits, 10, 5);
  });

  function described(
    state: string,
    producerEpoch: number,
    timeoutMs = OUR_TIMEOUT_MS,
    { producerId = 1n, errorCode = 0 } = {},
  ): void {
    commits.described({ state, producerEpoch, timeoutMs, producerId, errorCode, clientSideThrottleTime: 0 });
  }

  const fenced = (producerEpoch: number, producerId = 1n): void => commits.fenced({ producerId, producerEpoch });

  function expectKnown(isKnown: boolean): void {
    expect(commits.known?.hasLastOffset).toBe(isKnown);
    expect(commits.known?.isLastIn(OUTBOUND)).toBe(isKnown);
    expect(commits.known?.endIn(OUTBOUND)).toBe(5);
  }

  test('is known while this process alone fences', () => {
    described('CompleteCommit', 5);
    fenced(6);
    described('Empty', 6);
    fenced(7);
    expectKnown(true);
  });

  test('is known after a transaction of its own was aborted, whatever epochs that took', () => {
    described('Ongoing', 5);
    described('PrepareAbort', 7);
    described('CompleteAbort', 7);
    fenced(8);
    expectKnown(true);
  });

  test('is known after the answer of a fencing was lost', () => {
    described('CompleteCommit', 5);
    described('Empty', 6);
    fenced(7);
    expectKnown(true);
  });

  test.each<[string, () => void]>([
    ['has fenced', () => described('Empty', 6, OTHER_TIMEOUT_MS)],
    ['has left a transaction', () => described('CompleteAbort', 7, OTHER_TIMEOUT_MS)],
    ['has fenced before an attempt of this process', () => (described('CompleteCommit', 5), described('Empty', 7))],
    ['has fenced right before this process', () => (described('CompleteCommit', 5), fenced(7))],
    ['has got another producer id', () => described('Empty', 0, OUR_TIMEOUT_MS, { producerId: 2n })],
    [
      'may have been there, as nothing is described',
      () => described('Dead', -1, -1, { producerId: -1n, errorCode: 105 }),
    ],
    ['has got a producer id right before this process', () => (described('CompleteCommit', 5), fenced(6, 2n))],
  ])('is not known once another instance %s', (_, happens) => {
    happens();
    expectKnown(false);
    committed(commits, 30, 9);
    expect(commits.known?.hasLastOffset).toBe(true);
    expect(commits.known?.isLastIn(OUTBOUND)).toBe(true);
  });
});
