import { MAX_WRONG_TOKENS, WRONG_TOKENS_WINDOW_MS, WrongTokens } from '../../../src/ops/wrong-tokens.js';

let nowMs: number;
let wrongTokens: WrongTokens;
beforeEach(() => {
  nowMs = 0;
  wrongTokens = new WrongTokens({ now: () => nowMs });
});

function guess(address: string, times = MAX_WRONG_TOKENS): void {
  for (let i = 0; i < times; i++) wrongTokens.note(address);
}

test('an address has a fixed number of tries in each minute, also in the next one', () => {
  for (let minute = 0; minute < 3; minute++) {
    guess('10.0.0.7', MAX_WRONG_TOKENS - 1);
    expect(wrongTokens.waitSeconds('10.0.0.7')).toBe(0);
    guess('10.0.0.7', 1);
    expect(wrongTokens.waitSeconds('10.0.0.7')).toBe(60);
    nowMs += WRONG_TOKENS_WINDOW_MS;
    expect(wrongTokens.waitSeconds('10.0.0.7')).toBe(0);
  }
});

test.each([
  ['2001:db8:0:7::1', '2001:db8:0:7:ffff::2', '2001:db8:0:8::1'],
  ['2001:db8::1', '2001:db8:0:0:5::', '2001:db8:0:1::1'],
  ['::ffff:10.0.0.7', '::ffff:10.0.0.7', '::ffff:10.0.0.8'],
  ['10.0.0.7', '10.0.0.7', '10.0.0.8'],
])('%s counts with %s, and not with %s', (address, same, other) => {
  guess(address);
  expect(wrongTokens.waitSeconds(same)).toBeGreaterThan(0);
  expect(wrongTokens.waitSeconds(other)).toBe(0);
});

test('a bounded number of addresses is remembered, and the oldest is forgotten first', () => {
  guess('10.0.0.1');
  guess('10.0.0.2');
  for (let i = 0; i < 999; i++) wrongTokens.note(`10.1.${i >> 8}.${i & 255}`);
  expect(wrongTokens.size).toBe(1_000);
  expect(wrongTokens.waitSeconds('10.0.0.1')).toBe(0);
  expect(wrongTokens.waitSeconds('10.0.0.2')).toBeGreaterThan(0);
});
