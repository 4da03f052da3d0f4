/** What a proof of one member to another covers. hostile-http tests it over HTTP. */
import { MEMBER_SCHEME, MemberProofs, PROOF_WINDOW_MS } from '../../../src/ops/member-proof.js';

const ASKED = { method: 'GET', address: 'http://10.0.0.7:8080', target: '/partitions' };
/** Those that are remembered. */
const REMEMBERED = 10_000;

let nowMs = 1_700_000_000_000;
const clock = { now: () => nowMs };
const proofs = () => new MemberProofs(['token'], clock);
const proof = () => proofs().of(ASKED) as string;

test('a proof with another time or nonce is wrong: it can be neither renewed nor used twice', () => {
  const asked = proofs();
  const given = proof();
  const [scheme, rest] = given.split(' ') as [string, string];
  const [time, nonce, mac] = rest.split('.') as [string, string, string];
  expect(asked.judge(`${scheme} ${Number(time) + 1}.${nonce}.${mac}`, ASKED)).toBe('wrong');
  const otherNonce = nonce.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  expect(asked.judge(`${scheme} ${time}.${otherNonce}.${mac}`, ASKED)).toBe('wrong');
  expect(asked.judge(given, ASKED)).toBe('accepted');
  expect(asked.judge(given, ASKED)).toBe('used');
  nowMs += PROOF_WINDOW_MS + 1;
  expect(asked.judge(given, ASKED)).toBe('late');
});

test('the scheme is read in upper and lower case, and another scheme is not judged', () => {
  const given = proof();
  expect(proofs().judge(given.toLowerCase(), ASKED)).toBe('accepted');
  expect(proofs().judge('Bearer token', ASKED)).toBeNull();
  expect(proofs().judge(`${MEMBER_SCHEME}x`, ASKED)).toBeNull();
});

test('a bounded number of proofs is remembered, and the oldest is forgotten first', () => {
  const asked = proofs();
  const [first, second] = [proof(), proof()];
  expect([first, second].map((given) => asked.judge(given, ASKED))).toEqual(['accepted', 'accepted']);
  for (let i = 1; i < REMEMBERED; i++) asked.judge(proof(), ASKED);
  expect(asked.judge(second, ASKED)).toBe('used');
  expect(asked.judge(first, ASKED)).toBe('accepted'); // Forgotten: memory does not grow with the number of members.
});
