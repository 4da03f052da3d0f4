/**
 * Companies with status words that a release may know and the one before it not. There an unknown word is in progress.
 *
 * Any mixture of the two releases must end with the verdict that the newer one gives. So a word on whose class they
 * differ is either followed by one that both know, before anything else is decided; or it is the company's last record,
 * and the newer release announces the company by that record once it has the partition.
 */
import type { FurtherCompanies } from './history-portions.js';
import type { Platform, PlatformRecord } from './platform.js';

/** Terminal for a release that knows it. */
const NEW_TERMINAL = 'RoutingError';
/** In progress for either. */
const NEW_IN_PROGRESS = 'Routing';

/** For histories of which nothing is known: the nearest word that every release knows. */
export function knownToAll(status: string): string {
  if (status === NEW_TERMINAL) return 'FetchError';
  return status === NEW_IN_PROGRESS ? 'Fetching' : status;
}

/** Four portions each: where a partition moves between two of them, one release goes on from what the other has counted. */
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
