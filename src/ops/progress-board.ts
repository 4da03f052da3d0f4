/** The latest figures of each partition, on request: restores under way, standbys, bytes on the disk. */
import type {
  FolderUse,
  PartitionStatus,
  PipelineObserver,
  RestoreProgress,
  StandbyProgress,
} from '../pipeline/observer.js';

export interface PartitionFigures {
  /** While the state is being restored. */
  readonly restore?: RestoreProgress;
  /** What its state takes on the disk, as of the last minute. */
  readonly stateBytes?: number;
}

export interface StandbyFigures extends StandbyProgress {
  readonly partition: number;
  /** Changelog offsets behind. */
  readonly lag: number;
}

export class ProgressBoard implements Partial<PipelineObserver> {
  readonly #restores = new Map<number, RestoreProgress>();
  readonly #standbys = new Map<number, StandbyProgress>();
  readonly #bytes = new Map<number | null, number>();

  state(partition: number, { state }: PartitionStatus): void {
    if (state !== 'restoring') this.#restores.delete(partition);
  }

  restore(partition: number, progress: RestoreProgress): void {
    this.#restores.set(partition, progress);
  }

  standby(partition: number, progress: StandbyProgress | null): void {
    if (progress === null) this.#standbys.delete(partition);
    else this.#standbys.set(partition, progress);
  }

  diskUse(folders: readonly FolderUse[]): void {
    this.#bytes.clear();
    for (const { partition, bytes } of folders) this.#bytes.set(partition, (this.#bytes.get(partition) ?? 0) + bytes);
  }

  of(partition: number): PartitionFigures {
    const restore = this.#restores.get(partition);
    const stateBytes = this.#bytes.get(partition);
    return { ...(restore === undefined ? {} : { restore }), ...(stateBytes === undefined ? {} : { stateBytes }) };
  }

  /** By partition. */
  standbys(): StandbyFigures[] {
    return [...this.#standbys]
      .sort(([a], [b]) => a - b)
      .map(([partition, progress]) => ({ partition, ...progress, lag: progress.end - progress.position }));
  }

  /** Of all folders, those set aside included. */
  get stateBytes(): number {
    return [...this.#bytes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }
}
