/** Datasets that manifests may name in one company; a manifest that would exceed it is poison. */
export const MAX_NAMED_DATASETS = 10_000;
/** Datasets remembered in one company before any manifest names them. */
export const MAX_EARLY_DATASETS = 1_000;
/** How many early datasets, those heard of least recently, are forgotten when one more comes. */
export const FORGOTTEN_EARLY_DATASETS = 500;
