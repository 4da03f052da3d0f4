/** Manifests, links and connections. */
import type { CompanyScript } from '../company-script.js';
import { NO_CHOICE, type Situation } from './situation.js';

/** The number of datasets in one part of a large set. */
const PART_SIZE = 4;
const UNNAMED_DATASETS = 1_005;

export const LINK_SITUATIONS: readonly Situation[] = [
  { name: 'one link, all datasets finish', client: NO_CHOICE, weight: 40, play: oneLink },
  { name: 'several links at once', client: NO_CHOICE, weight: 15, play: severalLinks },
  { name: 'status before its manifest', client: NO_CHOICE, weight: 4, play: statusBeforeManifest },
  { name: 'more than 1,000 datasets before any manifest', client: NO_CHOICE, weight: 0, play: manyUnnamedDatasets },
  { name: 'second link while the first is in progress', client: NO_CHOICE, weight: 3, play: secondLinkInProgress },
  { name: 'second link after the announcement', client: NO_CHOICE, weight: 3, play: secondLinkTooLate },
  { name: 'link in several parts', client: NO_CHOICE, weight: 4, play: linkInParts },
  { name: 'link whose last part never comes', client: NO_CHOICE, weight: 2, play: linkNeverSealed },
  {
    name: 'manifest without datasets, alone',
    client: NO_CHOICE,
    weight: 1,
    play: (script) => script.manifest(script.link(0)),
  },
  { name: 'manifest without datasets, last of two', client: NO_CHOICE, weight: 2, play: emptyLinkBesideFullOne },
  { name: 'connection unlinked, which completes', client: NO_CHOICE, weight: 3, play: unlinkedCompletes },
  { name: 'only connection unlinked, nothing Complete', client: NO_CHOICE, weight: 1, play: unlinkedWithoutSuccess },
  { name: 'connection unlinked and linked again', client: NO_CHOICE, weight: 2, play: unlinkedAndLinkedAnew },
  { name: 'company deleted during the sync', client: NO_CHOICE, weight: 2, play: deletedInTheMidst },
  { name: 'company deleted after the announcement', client: NO_CHOICE, weight: 1, play: deletedTooLate },
];

function someLink(script: CompanyScript) {
  return script.link(script.random.integer(2, 10));
}

function oneLink(script: CompanyScript): void {
  const link = someLink(script);
  script.manifest(link);
  script.pullToEnd(link.datasets);
}

function severalLinks(script: CompanyScript): void {
  const links = Array.from({ length: script.random.integer(2, 3) }, () => someLink(script));
  for (const link of links) script.manifest(link);
  script.pullToEnd(links.flatMap((link) => link.datasets));
}

function statusBeforeManifest(script: CompanyScript): void {
  const link = someLink(script);
  const early = script.random.chance(0.5) ? link.datasets : link.datasets.slice(0, 2);
  script.pullToEnd(early);
  script.manifest(link);
  script.pullToEnd(link.datasets.filter((dataset) => !early.includes(dataset)));
}

/**
 * The 500 least recently updated datasets are forgotten. The manifest names some of these, and some that are
 * remembered.
 */
function manyUnnamedDatasets(script: CompanyScript): void {
  const unnamed = script.link(UNNAMED_DATASETS);
  for (const dataset of unnamed.datasets) script.status(dataset, 'Complete');
  const forgotten = unnamed.datasets.slice(0, 3);
  script.manifest(unnamed, { datasets: [...forgotten, ...unnamed.datasets.slice(-3)] });
  for (const dataset of forgotten) script.status(dataset, 'Complete');
}

function secondLinkInProgress(script: CompanyScript): void {
  const [first, second] = [someLink(script), someLink(script)];
  script.manifest(first);
  script.pullToEnd(first.datasets.slice(1));
  script.manifest(second);
  script.pullToEnd([...first.datasets.slice(0, 1), ...second.datasets]);
}

function secondLinkTooLate(script: CompanyScript): void {
  oneLink(script);
  oneLink(script);
}

function linkInParts(script: CompanyScript): void {
  const link = script.link(PART_SIZE * script.random.integer(2, 3));
  for (let at = 0; at < link.datasets.length; at += PART_SIZE) {
    const datasets = link.datasets.slice(at, at + PART_SIZE);
    // Only the last part may complete the company, even if all datasets of the other parts have finished.
    if (at > 0) script.pullToEnd(link.datasets.slice(at - PART_SIZE, at));
    script.manifest(link, { datasets, isFinal: at + PART_SIZE >= link.datasets.length });
  }
  script.pullToEnd(link.datasets.slice(-PART_SIZE));
}

function linkNeverSealed(script: CompanyScript): void {
  const link = someLink(script);
  script.manifest(link, { isFinal: false });
  script.pullToEnd(link.datasets);
}

function emptyLinkBesideFullOne(script: CompanyScript): void {
  const [full, empty] = [someLink(script), script.link(0)];
  script.manifest(full);
  // Two parts of a link without datasets: the company waits for the second part.
  script.manifest(empty, { isFinal: false });
  script.pullToEnd(full.datasets);
  script.manifest(empty);
}

function unlinkedCompletes(script: CompanyScript): void {
  const [kept, gone] = [someLink(script), someLink(script)];
  script.manifest(kept);
  script.manifest(gone);
  script.pullToEnd(kept.datasets);
  script.status(gone.datasets[0] ?? script.random.pick(kept.datasets), 'Fetching');
  script.unlink(gone);
}

function unlinkedWithoutSuccess(script: CompanyScript): void {
  const link = someLink(script);
  script.manifest(link);
  script.pull(link.datasets.slice(1), () => script.badEnding());
  script.unlink(link);
}

function unlinkedAndLinkedAnew(script: CompanyScript): void {
  const first = someLink(script);
  script.manifest(first);
  script.pull(first.datasets.slice(1), () => script.badEnding());
  script.unlink(first);
  const second = script.link(3, first);
  script.manifest(second);
  script.pullToEnd(second.datasets);
}

function deletedInTheMidst(script: CompanyScript): void {
  const link = someLink(script);
  script.manifest(link);
  script.pullToEnd(link.datasets.slice(1));
  script.deleteCompany();
  script.pullToEnd(link.datasets.slice(0, 1));
}

function deletedTooLate(script: CompanyScript): void {
  oneLink(script);
  script.deleteCompany();
  oneLink(script);
}
