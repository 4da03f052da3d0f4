/**
 * Decides who may read over HTTP: clients that know HTTP_TOKEN. Without a token, clients that use a known host name.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Clock } from '../lib/clock.js';
import { isLoopback } from '../security-settings.js';
import { MEMBER_SCHEME, PROOF_WINDOW_MS, type MemberProofs, type ProofVerdict } from './member-proof.js';
import { WrongTokens } from './wrong-tokens.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without the bearer token. */
    readonly open?: boolean;
  }
}

export interface Access {
  readonly host: string;
  /** HTTP_TOKEN: no token, one, or two during a change. */
  readonly tokens: readonly string[];
  /** HTTP_ALLOWED_HOSTS, in lower case. */
  readonly allowedHosts: readonly string[];
  readonly proofs: MemberProofs;
  readonly clock: Pick<Clock, 'now'>;
}

/** @param advertised the address at which other instances reach this one; read at each request */
export function guard(server: FastifyInstance, access: Access, advertised: () => string): void {
  if (access.tokens.length > 0) requireToken(server, access, advertised);
  else requireKnownHost(server, access);
}

/**
 * Prevents DNS rebinding: a web page whose name resolves to this machine could read everything through the browser of a
 * user in this network. Such a page has a name, so an IP address in the Host header cannot belong to it. Probes and
 * metrics accept any name, unless the server listens on loopback: then only this machine needs them.
 */
function requireKnownHost(server: FastifyInstance, { host, allowedHosts }: Access): void {
  const allowed = new Set(['localhost', host.toLowerCase(), ...allowedHosts]);
  const hasOpenRoutes = !isLoopback(host);
  server.addHook('onRequest', async (request, reply) => {
    if (hasOpenRoutes && request.routeOptions.config?.open === true) return;
    const name = hostNameIn(request.headers.host);
    // Every browser sends Host.
    if (request.headers.host === undefined || isIP(name) !== 0 || allowed.has(name)) return;
    const error =
      'this instance has no HTTP_TOKEN and is not known by the name in the Host header: ' +
      'use its IP address, set HTTP_TOKEN, or add the name to HTTP_ALLOWED_HOSTS';
    await reply.status(421).send({ error });
  });
}

/** The host without its port, in lower case; empty if the header is not a host. */
function hostNameIn(header = ''): string {
  const [, address, name] = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/@]+?)\.?)(?::\d+)?$/.exec(header.toLowerCase()) ?? [];
  return address ?? name ?? '';
}

/** Requires a bearer token, or the proof of another instance, for all routes that are not open. */
function requireToken(server: FastifyInstance, access: Access, advertised: () => string): void {
  const { tokens, proofs, clock } = access;
  const expected = tokens.map(digest);
  const wrongTokens = new WrongTokens(clock);
  server.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config?.open === true) return;
    const { authorization = '' } = request.headers;
    const asked = { method: request.method, address: advertised(), target: request.raw.url ?? '' };
    const verdict = proofs.judge(authorization, asked);
    // A proof cannot be guessed, so members are accepted even while others at the same address send wrong tokens.
    if (verdict === 'accepted') return;
    // Its MAC is right, so nobody has guessed: the sender must learn what is wrong with its clock.
    if (verdict === 'late' || verdict === 'used') return await challenge(reply, verdict);
    const waitSeconds = wrongTokens.waitSeconds(request.ip);
    if (waitSeconds > 0) return await refuseForAWhile(reply, waitSeconds);
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
    if (token !== undefined && isOneOf(expected, digest(token))) return;
    if (authorization !== '') wrongTokens.note(request.ip);
    await challenge(reply, verdict);
  });
}

async function refuseForAWhile(reply: FastifyReply, waitSeconds: number): Promise<void> {
  const error = `too many wrong tokens from this address: try again in ${waitSeconds} s`;
  await reply.status(429).header('retry-after', waitSeconds).send({ error });
}

const REFUSED_PROOFS: Readonly<Record<Exclude<ProofVerdict, 'accepted'>, string>> = {
  wrong:
    'the proof does not fit: its sender has another HTTP_TOKEN, or used an address that this instance does not advertise',
  late: `the proof is more than ${PROOF_WINDOW_MS / 1_000} s off: set the clocks of both machines`,
  used: 'the proof was used before',
};

async function challenge(reply: FastifyReply, verdict: ProofVerdict | null): Promise<void> {
  const error = verdict === null || verdict === 'accepted' ? 'a bearer token is required' : REFUSED_PROOFS[verdict];
  // The second scheme tells another instance that this one accepts proofs. Older releases did not.
  await reply.status(401).header('www-authenticate', `Bearer, ${MEMBER_SCHEME}`).send({ error });
}

/** The time of the comparison does not depend on the token, or on which of the tokens fits. */
function isOneOf(expected: readonly Buffer[], sent: Buffer): boolean {
  return expected.map((token) => timingSafeEqual(token, sent)).includes(true);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
