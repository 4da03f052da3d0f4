/** How a broker answers one kind of request. */
import type { Broker } from '../broker.js';
import { readRequest, writeAnswer, type Api, type RequestHeader } from '../wire/api.js';

export interface Call {
  readonly broker: Broker;
  readonly header: RequestHeader;
}

/** Answers now or later, once. No answer at all for `acks=0`: then it replies null. */
export type Answering<Q, A> = (request: Q, call: Call, reply: (answer: A | null) => void) => void;

export interface Handler {
  readonly key: number;
  readonly min: number;
  readonly max: number;
  /** @param reply takes the bytes of the answer; null if the client expects none */
  handle(body: Buffer, call: Call, reply: (answer: Buffer | null) => void): void;
}

export function handler<Q, A>(api: Api<Q, A>, answering: Answering<Q, A>): Handler {
  return {
    key: api.key,
    min: api.min,
    max: api.max,
    handle: (body, call, reply) => {
      const request = readRequest(api, call.header.version, body);
      answering(request, call, (answer) => reply(answer === null ? null : writeAnswer(api, call.header, answer)));
    },
  };
}

/** For an answer that is complete at once. */
export function atOnce<Q, A>(answer: (request: Q, call: Call) => A): Answering<Q, A> {
  return (request, call, reply) => reply(answer(request, call));
}

/** Gathers the results of several steps, and replies when all have finished. */
export function afterAll<T, R>(
  items: readonly T[],
  step: (item: T, done: (result: R) => void) => void,
  reply: (results: R[]) => void,
): void {
  const results: R[] = [];
  let left = items.length;
  if (left === 0) reply(results);
  items.forEach((item, index) =>
    step(item, (result) => {
      results[index] = result;
      if (--left === 0) reply(results);
    }),
  );
}

export interface OfTopic<P> {
  readonly topic: string;
  readonly partitions: readonly P[];
}

/** Answers for each partition of each topic. */
export function forPartitions<P, R>(
  topics: readonly OfTopic<P>[],
  answer: (topic: string, partition: P) => R,
): OfTopic<R>[] {
  return topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.map((each) => answer(topic, each)) }));
}
