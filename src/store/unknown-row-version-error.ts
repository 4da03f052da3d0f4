/**
 * The state was written by a newer release. Nothing is wrong with it, so it must be neither wiped nor guessed at: the
 * partition stops until a release that knows the version runs.
 */
export class UnknownRowVersionError extends Error {
  override readonly name = 'UnknownRowVersionError';

  constructor(
    /** What has the version, such as `dataset row version` or `dataset status code`. */
    readonly kind: string,
    readonly version: number,
  ) {
    super(
      `${kind} ${version} is not known to this release: it was written by a newer one. Run that release or a later ` +
        `one; the state was left as it is`,
    );
  }
}
