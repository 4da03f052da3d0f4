/** The HTTP routes for companies and partitions. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { assertNever } from '../lib/assert-never.js';
import { cutText } from '../lib/cut-text.js';
import { AddressShares, type SharedLimit } from './address-shares.js';
import { MAX_WHY_CHARACTERS, type Absence } from './api-schemas.js';
import type { Explanation } from '../domain/explanation.js';
import type { Found, Presence } from './company-directory.js';
import { companyPath } from './company-path.js';
import type { DependencyWatch } from './dependency-watch.js';
import type { FailureWatch } from './failure-watch.js';
import type { Inspection } from './inspection.js';
import { InstanceError } from './instance-client.js';
import type { PartitionFigures } from './partition-figures.js';
import { LIST_STATES, MAX_LIST, type ListState } from './pending-lists.js';
import { withShortTexts } from './short-texts.js';
import { networkOf } from './wrong-tokens.js';

/** Requests that one address, or one IPv6 network, may make to one route. */
export const INSPECTION_LIMIT = { max: 50, timeWindow: 1_000 } as const;
/**
 * Requests whose answers are not made yet, of all these routes. A request may wait 10 s for other instances, with an
 * answer of up to 16 MiB from each. Companies are read one after the other, and a large one takes 100 ms.
 */
export const REQUESTS_IN_PROGRESS: SharedLimit = { total: 32, perAddress: 16 };
/** Seconds until a client should ask again, when a partition is between two owners or many requests are in progress. */
const RETRY_AFTER_S = 1;
const DEFAULT_LIST = 50;
/** Characters of a parameter's name that a refusal repeats. */
const MAX_NAME_CHARACTERS = 50;

interface CompanyQuery {
  scope?: string;
  explain?: string;
}
interface CompanyRoute {
  Params: { companyId: string };
  Querystring: CompanyQuery;
}
interface PartitionsRoute {
  Querystring: { scope?: string };
}
interface ListRoute {
  Querystring: CompanyQuery & { id?: string; state?: string; limit?: string };
}

const STARTING = ['the instance is starting or stopping'];

interface Refusal {
  readonly error: string;
}

/** The parts of the instance that these routes need. */
export interface CompanyView {
  /** Null while the instance starts or stops. */
  inspection(): Inspection | null;
  readonly figures: PartitionFigures;
  readonly failures: FailureWatch;
  readonly dependencies: DependencyWatch;
  starting(): { readonly phase: string; readonly because: string | null } | null;
}

export function addCompanyRoutes(server: FastifyInstance, view: CompanyView): void {
  const { figures, failures } = view;
  const options = { config: { rateLimit: INSPECTION_LIMIT }, preHandler: refuseRepetitions };
  const inProgress = new AddressShares(REQUESTS_IN_PROGRESS);
  /** Makes an answer, unless too many are being made. Does not wait until the client has read it. */
  const limited = async <T extends object | ''>(
    request: FastifyRequest,
    reply: FastifyReply,
    answerTo: () => Promise<T>,
  ): Promise<T | Refusal> => {
    const address = networkOf(request.ip);
    if (!inProgress.hasRoomFor(1, address)) return tooMany(reply);
    inProgress.take(1, address);
    try {
      return await answerTo();
    } finally {
      inProgress.give(1, address);
    }
  };
  const partitions = async (reply: FastifyReply, scope: string | undefined) => {
    void reply.header('cache-control', 'no-store');
    const deployment = view.inspection()?.deployment;
    const instance = {
      ...startingOf(view),
      dependencies: withShortTexts(view.dependencies.states()),
      failing: withShortTexts(failures.failing()),
    };
    if (scope === 'deployment') return { partitions: (await deployment?.partitionsEverywhere()) ?? [], ...instance };
    return {
      partitions: deployment?.partitionsHere() ?? [],
      ...instance,
      standbys: withShortTexts(
        figures.standbys().map((standby) => ({ ...standby, ...failures.failureOf('standby', standby.partition) })),
      ),
      stateBytes: figures.stateBytes,
    };
  };
  server.get<PartitionsRoute>('/partitions', options, (request, reply) =>
    limited(request, reply, () => partitions(reply, request.query.scope)),
  );

  const explainTo = async (reply: FastifyReply, companyId: string, { scope, explain }: CompanyQuery) => {
    const known = view.inspection();
    if (known === null) return cannotTell(reply, STARTING);
    if (scope === 'instance' && explain === 'no')
      return answer(reply, companyId, await known.companies.hasHere(companyId));
    const found = await (scope === 'instance' ? known.companies.findHere(companyId) : known.companies.find(companyId));
    if (scope !== 'deployment' || found.kind !== 'elsewhere') return answer(reply, companyId, found);
    try {
      const explanation = await known.deployment.explanationOf(found.address, companyId);
      return answer(reply, companyId, { kind: explanation.verdict === 'unknown' ? 'nowhere' : 'here', explanation });
    } catch (error) {
      if (error instanceof InstanceError) return cannotTell(reply, [error.message]);
      throw error;
    }
  };
  server.get<CompanyRoute>('/companies/:companyId', options, (request, reply) =>
    limited(request, reply, () => explainTo(reply, request.params.companyId, request.query)),
  );

  const list = async (reply: FastifyReply, query: ListRoute['Querystring']) => {
    if (query.id !== undefined) return explainTo(reply, query.id, query);
    const known = view.inspection();
    if (known === null) return cannotTell(reply, STARTING);
    const { state = '', limit: wanted = String(DEFAULT_LIST), scope } = query;
    const limit = Number(wanted);
    if (!isListState(state)) return refuse(reply, `state must be one of ${LIST_STATES.join(', ')}`);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIST)
      return refuse(reply, `limit must be a whole number from 1 to ${MAX_LIST}`);
    void reply.header('cache-control', 'no-store');
    const { deployment } = known;
    return scope === 'instance' ? deployment.listHere(state, limit) : deployment.listEverywhere(state, limit);
  };
  server.get<ListRoute>('/companies', options, (request, reply) =>
    limited(request, reply, () => list(reply, request.query)),
  );
}

/** A parameter that comes twice is a list, and no route accepts a list. */
async function refuseRepetitions(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const query = request.query as Readonly<Record<string, string | readonly string[]>>;
  for (const [name, value] of Object.entries(query))
    if (typeof value !== 'string')
      return await reply.send(refuse(reply, `pass ${name.slice(0, MAX_NAME_CHARACTERS)} only once`));
}

function startingOf(view: CompanyView): { starting?: string } {
  const starting = view.starting();
  if (starting === null) return {};
  const { phase, because } = starting;
  return { starting: cutText(because === null ? phase : `${phase}: ${because}`, MAX_WHY_CHARACTERS) };
}

function isListState(text: string): text is ListState {
  return (LIST_STATES as readonly string[]).includes(text);
}

function refuse(reply: FastifyReply, error: string): Refusal {
  void reply.status(400);
  return { error };
}

function answer(reply: FastifyReply, companyId: string, found: Found | Presence): Explanation | Absence | Refusal | '' {
  void reply.header('cache-control', 'no-store');
  switch (found.kind) {
    case 'here':
      return found.explanation;
    case 'present':
      void reply.status(204);
      return '';
    case 'nowhere':
      void reply.status(404);
      return found.explanation;
    case 'absent':
      void reply.status(404);
      return { partitions: found.partitions };
    case 'elsewhere':
      void reply.status(307).header('location', `${found.address}${companyPath(companyId)}`);
      return '';
    case 'cannot-tell':
      return cannotTell(reply, found.reasons);
    default:
      return assertNever(found);
  }
}

function tooMany(reply: FastifyReply): Refusal {
  return askAgain(reply, 'many requests are in progress: ask again when they are answered');
}

function cannotTell(reply: FastifyReply, reasons: readonly string[]): Refusal {
  const why = `the company may be in a partition that cannot be read now: ${reasons.join('; ')}`;
  return askAgain(reply, cutText(why, MAX_WHY_CHARACTERS));
}

/** Answers that the client should ask again soon. */
export function askAgain(reply: FastifyReply, error: string): Refusal {
  void reply.status(503).header('retry-after', RETRY_AFTER_S);
  return { error };
}
