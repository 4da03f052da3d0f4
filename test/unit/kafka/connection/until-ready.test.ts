import { ERROR_CODES, NO_ERROR } from '../../../../src/kafka/protocol/protocol-errors.js';
import { untilReady } from '../../../../src/kafka/connection/until-ready.js';
import { BrokerError, FencedError } from '../../../../src/pipeline/errors.js';
import { SteppedClock } from '../../../support/clocks.js';

/** Gives these answers one after the other, and the last one again and again. An error stands for no answer. */
function answering(...answers: (number | Error)[]) {
  let asked = 0;
  const ask = () => {
    const answer = answers[Math.min(asked++, answers.length - 1)] ?? NO_ERROR;
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve({ errorCode: answer, clientSideThrottleTime: 0 });
  };
  return { ask, asked: () => asked };
}

const { CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR } = ERROR_CODES;
const NO_CONNECTION = new Error('connection refused');

test('asks again until the coordinator has settled, over lost connections too', async () => {
  const broker = answering(NO_CONNECTION, COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS, 0);
  await expect(untilReady(new SteppedClock(), 'InitProducerId', broker.ask)).resolves.toMatchObject({ errorCode: 0 });
  expect(broker.asked()).toBe(5);
});

test.each([
  ['is never ready', CONCURRENT_TRANSACTIONS, /InitProducerId.*CONCURRENT_TRANSACTIONS/],
  ['never answers', NO_CONNECTION, /InitProducerId.*connection refused/],
])('stops asking a cluster that %s', async (_, answer, message) => {
  const outcome = untilReady(new SteppedClock(), 'InitProducerId', answering(answer).ask).catch(
    (error: unknown) => error,
  );
  expect(await outcome).toBeInstanceOf(BrokerError);
  expect(await outcome).toMatchObject({ message: expect.stringMatching(message) as string });
});

test.each([
  ['a refusal for good', ERROR_CODES.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, BrokerError],
  ['being fenced', ERROR_CODES.PRODUCER_FENCED, FencedError],
  ['what an inner request gave up on', new BrokerError('gave up'), BrokerError],
])('does not ask again after %s', async (_, answer, expected) => {
  const broker = answering(answer);
  await expect(untilReady(new SteppedClock(), 'InitProducerId', broker.ask)).rejects.toThrow(expected);
  expect(broker.asked()).toBe(1);
});

test('brokers that are down are not asked again every few milliseconds', async () => {
  const broker = answering(NO_CONNECTION);
  await expect(untilReady(new SteppedClock(), 'InitProducerId', broker.ask)).rejects.toThrow(BrokerError);
  expect(broker.asked()).toBeLessThan(15);
});

test('each broker is asked, however long the others do not answer', async () => {
  const clock = new SteppedClock();
  const broker = answering(NO_CONNECTION, NO_CONNECTION, NO_CONNECTION, 0);
  const ask = async () => {
    await clock.delay(4_000);
    return broker.ask();
  };
  await expect(untilReady(clock, 'FindCoordinator', ask, 4)).resolves.toMatchObject({ errorCode: 0 });
});
