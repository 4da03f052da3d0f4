/** A flag of the command itself is at fault; reported like a fault of the configuration. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}
