/**
 * Companies with status words that this release may know and the previous release does not. The previous release treats
 * an unknown word as in progress. Any mixture of the two releases must end with the verdict of the newer one. So if the
 * releases differ about a word, there are two cases. Either a word that both know follows, before anything else is
 * decided. Or it is the company's last record, and the newer release announces the company by that record once it has
 * the partition.
 */
import type { FurtherCompanies } from './history-portions.js';
import type { Platform, PlatformRecord } from './platform.js';

/** Terminal for a release that knows it. */
const NEW_TERMINAL = 'RoutingError';
/** In progress for both releases. */
const NEW_IN_PROGRESS = 'Routing';

/** For random histories: the nearest word that every release knows. */
export function knownToAll(status: string): string {
  if (status === NEW_TERMINAL) return 'FetchError';
  return status === NEW_IN_PROGRESS ? 'Fetching' : status;
}

/**
 * Four portions each. If a partition moves between two portions, one release continues from the counts of the other.
 */
export function companiesWithNewWords(platform: Platform): FurtherCompanies {
  return (companyId) => {
    const begun = (company: string): PlatformRecord => platform.manifest(company, { datasets: ['a', 'b'] });
    const status = (company: string, dataset: string, word: string, revision: number): PlatformRecord =>
      platform.status(company, dataset, word, { revision });
    const [failing, failingAgain, early, last] = ['failing for a time', 'Complete before', 'early', 'failed last'].map(
      (what) => companyId(what),
    ) as [string, string, string, string];
    return [
      [
        ...[begun(failing), status(failing, 'a', NEW_IN_PROGRESS, 1), status(failing, 'a', NEW_TERMINAL, 2)],
        ...[begun(failingAgain), status(failingAgain, 'a', 'Complete', 1)],
        status(early, 'a', NEW_TERMINAL, 1),
        ...[begun(last), status(last, 'b', NEW_IN_PROGRESS, 1)],
      ],
      [status(failing, 'b', 'Fetching', 1), status(failingAgain, 'a', NEW_TERMINAL, 2), begun(early)],
      [
        status(failing, 'a', 'Complete', 3),
        status(failingAgain, 'a', 'Complete', 3),
        ...[status(early, 'b', 'Fetching', 1), status(early, 'a', 'Complete', 2)],
        status(last, 'a', 'Complete', 1),
      ],
      [
        ...[failing, failingAgain, early].map((company) => status(company, 'b', 'Complete', 2)),
        status(last, 'b', NEW_TERMINAL, 2),
      ],
    ];
  };
}
