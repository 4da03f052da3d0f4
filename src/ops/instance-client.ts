/** Asks a running instance over HTTP. */
import type { Explanation } from '../domain/explanation.js';
import type { PeerAnswer, Peers } from './company-directory.js';
import type { PartitionView } from './partition-figures.js';
import type { StandbyFigures } from './progress-board.js';
import type { CompanyList, ListState } from './unfinished-lists.js';

/** Looking at every partition of an instance takes milliseconds; one that takes this long is frozen or cut off. */
const PATIENCE_MS = 10_000;
/** An owner may change between two redirects, but not again and again. */
const MAX_REDIRECTS = 5;

/** An instance refused, or could not be reached. */
export class InstanceError extends Error {
  override readonly name = 'InstanceError';
}

export class InstanceClient implements Peers {
  constructor(private readonly token: string | null) {}

  async has(address: string, companyId: string): Promise<PeerAnswer> {
    try {
      const response = await this.#get(new URL(`${pathOf(companyId)}?scope=instance`, address));
      if (response.status === 200) return { has: true };
      if (response.status === 404) return { has: false };
      return { unknownBecause: await reasonOf(response) };
    } catch (error) {
      if (error instanceof InstanceError) return { unknownBecause: error.message };
      throw error;
    }
  }

  /**
   * The explanation, from whichever instance has the company.
   * @param address of any instance
   * @throws InstanceError
   */
  async explanation(address: string, companyId: string): Promise<Explanation> {
    let url = new URL(pathOf(companyId), address);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await this.#get(url);
      const location = response.headers.get('location');
      // Followed here, for `fetch` drops the token on its way to another origin.
      if (response.status === 307 && location !== null) url = new URL(location, url);
      else if (response.status === 200 || response.status === 404) return await explanationIn(response, url);
      else throw new InstanceError(`${url.origin} answers ${response.status}: ${await reasonOf(response)}`);
    }
    throw new InstanceError(`${url.origin} and others send from one to the next: the group is being assigned anew`);
  }

  /** The partitions of the instance at this address. @throws InstanceError */
  async partitions(address: string): Promise<readonly PartitionView[]> {
    const { partitions } = (await this.#json(new URL('/partitions', address))) as { partitions: PartitionView[] };
    return partitions;
  }

  /** Partition -> changelog position of the standbys that it keeps. @throws InstanceError */
  async standbyPositions(address: string): Promise<ReadonlyMap<number, number>> {
    const { standbys = [] } = (await this.#json(new URL('/partitions', address))) as {
      standbys?: readonly StandbyFigures[];
    };
    return new Map(standbys.map(({ partition, position }) => [partition, position]));
  }

  /** Its unfinished companies. @throws InstanceError */
  async list(address: string, state: ListState, limit: number): Promise<CompanyList> {
    const url = new URL(`/companies?state=${state}&limit=${limit}&scope=instance`, address);
    return (await this.#json(url)) as CompanyList;
  }

  async #json(url: URL): Promise<unknown> {
    const response = await this.#get(url);
    if (response.status === 200) return await json(response);
    throw new InstanceError(`${url.origin} answers ${response.status}: ${await reasonOf(response)}`);
  }

  async #get(url: URL): Promise<Response> {
    const headers = this.token === null ? {} : { authorization: `Bearer ${this.token}` };
    try {
      return await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch (error) {
      const { cause } = error as Error;
      const why = cause instanceof Error ? cause.message : (error as Error).message;
      throw new InstanceError(`${url.origin} gives no answer: ${why}`, { cause: error });
    }
  }
}

function pathOf(companyId: string): string {
  return `/companies/${encodeURIComponent(companyId)}`;
}

async function explanationIn(response: Response, url: URL): Promise<Explanation> {
  const body = await json(response);
  if (typeof body === 'object' && body !== null && 'verdict' in body) return body as Explanation;
  throw new InstanceError(`${url.origin} gives no explanation: is it another program, or another release?`);
}

async function reasonOf(response: Response): Promise<string> {
  if (response.status === 401) return 'it wants the bearer token of HTTP_TOKEN';
  const body = (await json(response)) as { readonly error?: unknown } | null;
  return typeof body?.error === 'string' ? body.error : `status ${response.status}`;
}

async function json(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null; // Not ours, or cut off: whoever reads it finds nothing in it.
  }
}
