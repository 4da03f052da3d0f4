/** Reads an HTTP answer whose length somebody else decides. */

/** The answer is longer than it may be, or others in flight leave no room for it. */
export class AnswerTooLargeError extends Error {
  override readonly name = 'AnswerTooLargeError';
}

/** Bytes that several answers may take in memory together. */
export class AnswerBudget {
  #used = 0;

  constructor(readonly maxBytes: number) {}

  /** @throws AnswerTooLargeError */
  take(bytes: number): void {
    if (this.#used + bytes > this.maxBytes)
      throw new AnswerTooLargeError(`answers being read take more than ${this.maxBytes} bytes together`);
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/**
 * The text of the answer, decompressed. The time is bounded by the signal that the request was made with.
 * @throws AnswerTooLargeError, and the rest of the answer is not read
 */
export async function boundedText(response: Response, maxBytes: number, budget?: AnswerBudget): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // Leaving the loop by an error cancels the stream.
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      if (bytes + chunk.length > maxBytes) throw new AnswerTooLargeError(`the answer has more than ${maxBytes} bytes`);
      budget?.take(chunk.length);
      bytes += chunk.length;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  } finally {
    budget?.give(bytes);
  }
}
