/** What HTTP says of companies. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { assertNever } from '../lib/assert-never.js';
import type { CompanyDirectory, Found } from './company-directory.js';

/** Requests that one client may make to one route. */
export const INSPECTION_LIMIT = { max: 50, timeWindow: 1_000 } as const;
/** When to ask again where a partition is between two owners: seconds. */
const RETRY_AFTER_S = 1;

interface CompanyRoute {
  Params: { companyId: string };
  Querystring: { scope?: string };
}

/** @param directory null while the instance starts or stops */
export function addCompanyRoutes(server: FastifyInstance, directory: () => CompanyDirectory | null): void {
  const config = { rateLimit: INSPECTION_LIMIT };
  server.get<CompanyRoute>('/companies/:companyId', { config }, async (request, reply) => {
    const companies = directory();
    if (companies === null) return cannotTell(reply, ['the instance is starting or stopping']);
    const { companyId } = request.params;
    const here = request.query.scope === 'instance';
    return answer(reply, companyId, await (here ? companies.findHere(companyId) : companies.find(companyId)));
  });
}

function answer(reply: FastifyReply, companyId: string, found: Found): FastifyReply {
  void reply.header('cache-control', 'no-store');
  switch (found.kind) {
    case 'here':
      return reply.send(found.explanation);
    case 'nowhere':
      return reply.status(404).send(found.explanation);
    case 'elsewhere':
      return reply
        .status(307)
        .header('location', `${found.address}/companies/${encodeURIComponent(companyId)}`)
        .send();
    case 'cannot-tell':
      return cannotTell(reply, found.reasons);
    default:
      return assertNever(found);
  }
}

function cannotTell(reply: FastifyReply, reasons: readonly string[]): FastifyReply {
  return reply
    .status(503)
    .header('retry-after', RETRY_AFTER_S)
    .send({ error: `it may be in a partition that cannot be read now: ${reasons.join('; ')}` });
}
