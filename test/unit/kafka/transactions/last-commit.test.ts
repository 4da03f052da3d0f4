/** The places of acknowledged commits: they distinguish a commit that brokers have left open from a later abort. */
import { LastCommit } from '../../../../src/kafka/transactions/last-commit.js';

const CHANGELOG = { topic: 'changelog', partition: 0 };
const OUTBOUND = { topic: 'outbound', partition: 0 };

function committed(commits: LastCommit, changelogEnd: number, outboundEnd?: number): void {
  commits.begun(outboundEnd === undefined ? [CHANGELOG] : [CHANGELOG, OUTBOUND]);
  commits.wrote(CHANGELOG, changelogEnd);
  if (outboundEnd !== undefined) commits.wrote(OUTBOUND, outboundEnd);
  commits.committed();
}

test('a commit that announced something is known after later ones that announced nothing', () => {
  const commits = new LastCommit();
  committed(commits, 10, 5);
  committed(commits, 20);
  committed(commits, 30);
  expect(commits.known?.endIn(OUTBOUND)).toBe(5);
  expect(commits.known?.endIn(CHANGELOG)).toBe(30);
});

test('a transaction that was not committed does not change the known commits', () => {
  const commits = new LastCommit();
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
