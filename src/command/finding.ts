/** The findings of `company-sync doctor`. */
export interface Finding {
  /**
   * `security`, `brokers`, `topics`, `transactions`, `deployment`, `permissions`, `registry`, `schemas` or
   * `state folder`.
   */
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed';
  /** What was found, where, and what to do. */
  readonly message: string;
}

export type Found = AsyncGenerator<Finding, void, undefined>;

export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message };
}

export function warning(check: string, message: string): Finding {
  return { check, status: 'warning', message };
}

export function failed(check: string, message: string): Finding {
  return { check, status: 'failed', message };
}
