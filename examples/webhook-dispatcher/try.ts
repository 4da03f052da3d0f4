/** One attempt to deliver a webhook, and the wait before the next attempt. */

export type Outcome =
  | { readonly kind: 'delivered'; readonly status: number }
  /** The receiver wants no more webhooks, permanently. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly why: string; readonly retryAfterMs: number };

/** Less than the session timeout of the consumer, whose heartbeats wait for the answer. */
const ANSWER_TIMEOUT_MS = 8_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** The longest Retry-After that is honoured. */
const LONGEST_RETRY_AFTER_MS = 60 * 60_000;

/** Never rejects. Redirects are not followed, because they could lead anywhere. */
export async function tryToDeliver(url: string, headers: Record<string, string>, body: string): Promise<Outcome> {
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal });
    await response.body?.cancel();
    if (response.ok) return { kind: 'delivered', status: response.status };
    if (response.status === 410) return { kind: 'gone' };
    const retryAfterMs = retryAfterOf(response.headers.get('retry-after'), Date.now());
    return { kind: 'failed', why: `it answered ${response.status}`, retryAfterMs };
  } catch (error) {
    return failedBecauseOf(error);
  }
}

export function failedBecauseOf(error: unknown): Outcome {
  const { message, cause } = error as Error;
  return { kind: 'failed', why: cause instanceof Error ? `${message} (${cause.message})` : message, retryAfterMs: 0 };
}

/**
 * Milliseconds that a Retry-After asks for, in seconds or as a date; 0 if it is neither.
 *
 * @param now milliseconds since the epoch
 */
export function retryAfterOf(header: string | null, now: number): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS);
}

/**
 * The pause before the next attempt. It doubles with each failure, and a random part of up to half is subtracted. So
 * webhooks that failed together are not sent again together. It is never shorter than the receiver asked for. @param
 * failures consecutive failures, from 1 on
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function pauseAfter(failures: number, retryAfterMs: number, random: number): number {
  const full = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
  return Math.max(retryAfterMs, (full * (1 + random)) / 2);
}
