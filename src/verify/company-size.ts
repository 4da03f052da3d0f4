/** An upper bound of the bytes of a company's announcement, which the contract limits to 6 MiB. */
import type { Manifest } from './input-event.js';
import type { CompanyParts, Dataset } from './company-state.js';

const MAX_ANNOUNCEMENT_BYTES = 6 * 1024 * 1024;
/** The companyId four times; clientId, companyName and a trace; 1,024 bytes each. And 1,024 bytes for the rest. */
const FIXED_BYTES = 8 * 1_024;
const LENGTH_BYTES = 2;
const LINK_BYTES = 12;
const OFFSET_BYTES = 8;
/** A dataset counts as if its status were the longest known word, so most statuses do not change the bound. */
const LONGEST_KNOWN_STATUS = 'PrerequisiteNotMet'.length;

export class CompanySize {
  #bytes = FIXED_BYTES;

  /** Beyond the limit, a company may still change, but not grow. */
  wouldExceed(growth: number): boolean {
    return growth > 0 && this.#bytes + growth > MAX_ANNOUNCEMENT_BYTES;
  }

  grow(growth: number): void {
    this.#bytes += growth;
  }

  growthBy(manifest: Manifest, { links, connections, datasets }: CompanyParts): number {
    const { linkId, connectionId, sourceType } = manifest;
    let growth = links.has(linkId) ? 0 : textBytes(linkId) + LINK_BYTES;
    const formerType = connections.get(connectionId);
    if (formerType === undefined) growth += textBytes(connectionId);
    else growth -= textBytes(formerType);
    growth += textBytes(sourceType);
    const latest = new Map(manifest.datasets.map(({ datasetId, dataType }) => [datasetId, dataType]));
    for (const [datasetId, dataType] of latest) {
      const dataset = datasets.get(datasetId);
      if (dataset?.named == null)
        growth += textBytes(datasetId) + statusBytes(dataset?.status ?? null) + LENGTH_BYTES + OFFSET_BYTES;
      else growth -= textBytes(dataset.named.dataType) + textBytes(dataset.named.connectionId);
      growth += textBytes(dataType) + textBytes(connectionId);
    }
    return growth;
  }

  /** @param dataset one that a manifest has named */
  growthByStatus(dataset: Dataset, status: string): number {
    return statusBytes(status) - statusBytes(dataset.status);
  }
}

function textBytes(text: string): number {
  return Buffer.byteLength(text) + LENGTH_BYTES;
}

function statusBytes(status: string | null): number {
  return status === null ? LONGEST_KNOWN_STATUS : Math.max(Buffer.byteLength(status), LONGEST_KNOWN_STATUS);
}
