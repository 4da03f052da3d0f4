/** The HTTP server: probes, metrics, the state of the partitions and of companies. */
import { networkInterfaces } from 'node:os';
import rateLimit from '@fastify/rate-limit';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import type { z } from 'zod';
import { cutText } from '../lib/cut-text.js';
import { printable } from '../lib/printable.js';
import type { PartitionStatus } from '../pipeline/observer.js';
import { StoreUnavailableError } from '../store/key-value-store.js';
import { advertisedAddress } from './advertised-address.js';
import { MAX_WHY_CHARACTERS, type readiness } from './api-schemas.js';
import { addCompanyRoutes, askAgain } from './company-routes.js';
import type { DependencyWatch } from './dependency-watch.js';
import type { FailureWatch } from './failure-watch.js';
import { guard, type Access } from './http-access.js';
import { answerOnlyReads, LIMITED_SERVER, limitConnections, SAFE_HEADERS } from './http-limits.js';
import type { Inspection } from './inspection.js';
import { openApiDocument } from './openapi.js';
import type { PartitionFigures } from './partition-figures.js';
import { addStatusPage } from './status-page.js';
import { limitUnsentAnswers } from './unsent-answers.js';

/** What an instance does before it runs partitions, and after that. */
export interface Starting {
  readonly phase:
    'starting' | 'waiting for the brokers' | 'waiting for the schema registry' | 'joining the group' | 'stopping';
  /** May contain addresses. */
  readonly because: string | null;
}

export interface ServiceView {
  /** Why the instance as a whole does not run yet; null once it runs. */
  starting(): Starting | null;
  partitions(): Map<number, PartitionStatus>;
  readonly figures: PartitionFigures;
  readonly failures: FailureWatch;
  readonly dependencies: DependencyWatch;
  /** Null while there are no partitions to examine. */
  inspection(): Inspection | null;
}

/** Longer than any id in a request line of 16 KiB, Node's limit. So every company can be requested. */
const MAX_PARAM_CHARACTERS = 16_384;

/** For this time, one text of the metrics is the answer to all requests. */
const METRICS_MS = 100;

export interface HttpServer {
  /** The address on which the server listens, such as `http://127.0.0.1:8080`. */
  readonly address: string;
  /** The address at which other instances reach the server. */
  readonly advertisedAddress: string;
  close(): Promise<void>;
}

/**
 * Starts listening; port 0 picks a free one.
 * @param pageFolder the status page's files, part of the installation
 */
export async function startHttpServer(
  access: Access & { readonly port: number },
  view: ServiceView,
  metrics: Registry,
  pageFolder: string,
): Promise<HttpServer> {
  const server = fastify({
    ...LIMITED_SERVER,
    logger: false,
    forceCloseConnections: true,
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      void reply
        .headers(SAFE_HEADERS)
        .status(error.statusCode ?? 400)
        .serializer(safeJson)
        .send(refusalOf(error.message));
    },
    routerOptions: { maxParamLength: MAX_PARAM_CHARACTERS },
  });
  server.setReplySerializer(safeJson);
  answerErrorsAsJson(server);
  limitConnections(server.server);
  answerOnlyReads(server);
  let advertised = '';
  guard(server, access, () => advertised);
  await server.register(rateLimit, { global: false });
  limitUnsentAnswers(server);
  addProbes(server, view);
  const text = textOf(metrics);
  server.get('/metrics', { config: { open: true } }, async (_request, reply) => {
    void reply.header('content-type', metrics.contentType);
    return text();
  });
  const document = openApiDocument();
  server.get('/openapi.json', () => document);
  addCompanyRoutes(server, view);
  await addStatusPage(server, pageFolder);
  const address = await server.listen({ host: access.host, port: access.port });
  advertised = new URL(advertisedAddress(access.host, address, networkInterfaces())).origin;
  return {
    address,
    advertisedAddress: advertised,
    close: () => server.close(),
  };
}

/**
 * Makes the text once for all requests within METRICS_MS. It takes milliseconds for each hundred series, and anyone
 * may ask.
 */
function textOf(metrics: Registry): () => Promise<string> {
  let latest: { readonly text: Promise<string>; readonly atMs: number } | null = null;
  return () => {
    const now = performance.now();
    if (latest === null || now - latest.atMs >= METRICS_MS) latest = { text: metrics.metrics(), atMs: now };
    return latest.text;
  };
}

function addProbes(server: FastifyInstance, view: ServiceView): void {
  const config = { open: true };
  server.get('/livez', { config }, () => ({ status: 'alive' }));
  server.get('/readyz', { config }, (_request, reply) => {
    const answer = readinessOf(view);
    void reply.status(answer.ready ? 200 : 503);
    return answer;
  });
}

/**
 * This needs no token, so the answer has only fixed words and numbers. Causes and reasons may contain brokers, URLs and
 * files, so only `/partitions` has them.
 *
 * An instance that cannot reach the brokers does no work and is not ready. If only the registry does not answer, the
 * instance is unready only if one of its partitions waits for the registry.
 */
function readinessOf(view: ServiceView): z.infer<typeof readiness> {
  const starting = view.starting();
  const unready = [...view.partitions()]
    .filter(([, { state }]) => state !== 'running')
    .sort(([a], [b]) => a - b)
    .map(([partition, { state }]) => ({ partition, state }));
  const failing = view.failures
    .failing()
    .map(({ part, partition, failingSince }) => ({ part, partition, failingSince }));
  const dependencies = view.dependencies
    .states()
    .map(({ dependency, reachable, unreachableSince }) => ({ dependency, reachable, unreachableSince }));
  const cutOff = view.dependencies.isReachable('brokers') === false;
  const ready = starting === null && unready.length === 0 && failing.length === 0 && !cutOff;
  return { ready, ...(starting === null ? {} : { reason: starting.phase }), unready, failing, dependencies };
}

/** JSON that is safe for a terminal, as curl prints it. */
function safeJson(answer: unknown): string {
  return printable(JSON.stringify(answer));
}

/** The message of an error may repeat what the client has sent. */
function refusalOf(message: string): { readonly error: string } {
  return { error: cutText(message, MAX_WHY_CHARACTERS) };
}

/** Every refusal is `{ error }`, as plain text. A store may be closed while it is read: the client asks again. */
function answerErrorsAsJson(server: FastifyInstance): void {
  server.setErrorHandler((error: FastifyError, _request, reply) => {
    if (error instanceof StoreUnavailableError) return reply.send(askAgain(reply, error.message));
    return reply.status(error.statusCode ?? 500).send(refusalOf(error.message));
  });
  server.setNotFoundHandler((request, reply) =>
    reply
      .status(404)
      .send(refusalOf(`${request.method} ${request.url.split('?')[0]} is not served here: see /openapi.json`)),
  );
}
