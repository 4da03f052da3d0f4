/** Reads HTTP answers whose length the other side decides. */

/** The answer is longer than allowed, or other answers in progress leave no room for it. */
export class AnswerTooLargeError extends Error {
  override readonly name = 'AnswerTooLargeError';
}

/** The bytes that several answers may use in memory together. */
export class AnswerBudget {
  #used = 0;

  constructor(readonly maxBytes: number) {}

  /** @throws AnswerTooLargeError */
  take(bytes: number): void {
    if (this.#used + bytes > this.maxBytes)
      throw new AnswerTooLargeError(`the answers in progress take more than ${this.maxBytes} bytes together`);
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/**
 * Reads the text of the answer, decompressed. The signal of the request limits the time.
 * @throws AnswerTooLargeError; the rest of the answer is then not read
 */
export async function boundedText(response: Response, maxBytes: number, budget?: AnswerBudget): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // An error that leaves the loop cancels the stream.
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
