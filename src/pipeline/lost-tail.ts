/**
 * Changelog and group's offset agree, but both have lost the same last transactions: brokers lost what they had not
 * flushed, or all topics were restored from a backup. Only a state folder shows it, and that folder was set aside.
 * The announcements of these transactions may have been read before, so the partition must not run without a consent.
 */
export interface LostTail {
  /** The input offset up to which the lost transactions had consumed the input. Above the changelog's position. */
  readonly upTo: number;
  /** Whether an operator has accepted it: an offset that an operator sets has no leader epoch. */
  readonly isAccepted: boolean;
  /** The command that accepts it. */
  readonly accept: string;
}

/** Whether an operator has set the group's offset to `offset`: then it has no leader epoch. */
export function isConsent(
  { committed, committedIn }: { readonly committed: number | null; readonly committedIn: number },
  offset: number,
): boolean {
  return committed === offset && committedIn < 0;
}

/** What an operator can do. The changelog ends at input offset `from`. */
export function whatToDoAbout(tail: LostTail, from: number): string {
  return (
    'if a broker that is down or a later backup has the lost transactions, bring back the changelog and the offsets of the ' +
    `group from there. Otherwise accept the loss: run \`${tail.accept}\`. ${announcedAgain(tail, from)} First read ` +
    '"Changelog and offset have lost transactions" in docs/operations.md'
  );
}

/** Whether companies are announced again if the input is read from `from` on. */
export function repeats(tail: LostTail | null | undefined, from: number): string {
  return tail == null || tail.upTo <= from ? 'Nothing is announced twice.' : announcedAgain(tail, from);
}

/** What happens if the input is read from `from` on. */
export function announcedAgain({ upTo }: LostTail, from: number): string {
  return (
    `Offsets ${from} to ${upTo - 1} are read again: a company that they complete may have been announced before. It is announced ` +
    'again, with the same event id.'
  );
}
