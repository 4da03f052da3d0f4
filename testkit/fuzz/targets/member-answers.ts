import { InstanceClient } from '../../../src/ops/instance-client.js';
import { MemberProofs } from '../../../src/ops/member-proof.js';
import { systemClock } from '../../../src/lib/system-clock.js';
import { AnsweringServer } from '../answering-server.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget, type OpenTarget } from '../target.js';

const STATUSES = [200, 404, 307, 401, 500];
const COMPANY = 'acme';

/** A byte for the question, a byte for the status, then the body; for a redirect, its Location. */
export const memberAnswers: FuzzTarget = {
  name: 'member-answers',
  input: 'HTTP answers of other instances, or of whoever has joined the group',
  mayThrow: ['InstanceError'],
  maxMs: 500,
  maxBytes: { fixed: 16 * MIB, perByte: 2_000 },
  maxInputBytes: 8 * 1024,
  tokens: [
    ...[
      '"companyId":"acme"',
      '"partitions":[',
      '"companies":[',
      '"partition":',
      '"state":"running"',
      '"holds":[]',
      '"asOf":',
    ],
    ...['null', '[]', '{}', '{', '}', ',', '"__proto__":', '1e999', '-0', '"error":"', 'http://127.0.0.1:1'],
  ],
  samples: () =>
    samplesOf({
      partitions: `\0\0${JSON.stringify({ partitions: [{ partition: 0, state: 'running', reason: null }], standbys: [{ partition: 1, position: 5 }] })}`,
      explanation: `\u0001\0${JSON.stringify({ companyId: COMPANY, verdict: 'v', holds: [], asOf: { partition: 0, offset: 1 } })}`,
      companies: `\u0002\0${JSON.stringify({ companies: [{ companyId: COMPANY }], complete: true })}`,
      redirect: '\u0001\u0002http://127.0.0.1:1',
      refusal: `\0\u0003${JSON.stringify({ error: 'no' })}`,
    }),
  open,
};

async function open(): Promise<OpenTarget> {
  const server = new AnsweringServer();
  const address = await server.listen();
  const client = new InstanceClient(new MemberProofs([], systemClock), () => Promise.resolve([address]));
  const questions: readonly (() => Promise<unknown>)[] = [
    () => client.partitions(address, () => undefined),
    () => client.explanation(address, COMPANY),
    () => client.list(address, 'held', 10, () => undefined),
    () => client.standbyPositions(address),
    () => client.has(address, COMPANY),
  ];
  const run = async (input: Buffer): Promise<void> => {
    const status = STATUSES[(input[1] ?? 0) % STATUSES.length] as number;
    const body = input.subarray(2);
    const location = encodeURI(body.toString('latin1').slice(0, 500));
    server.answer({ status, headers: status === 307 ? { location } : { 'content-type': 'application/json' }, body });
    const result = await questions[(input[0] ?? 0) % questions.length]?.();
    if (hasOwnPrototype(result)) throw new ContradictionError('an answer has changed the prototype of its object');
  };
  return { run, close: () => server.close() };
}

function hasOwnPrototype(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Map) &&
    Object.getPrototypeOf(value) !== Object.prototype
  );
}
