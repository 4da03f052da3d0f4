import type { ClusterNode } from './cluster.js';
import { pollUntil } from './poll-until.js';
import { runToEnd } from './run-to-end.js';

export interface ContainerNodeInput {
  readonly name: string;
  /** A started container, with its ports bound to fixed ports of the engine's host. */
  readonly containerId: string;
  readonly answers: () => Promise<boolean>;
}

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_SECONDS = 30;
const LOG_TAIL_LINES = 60;

/**
 * A process of the cluster in a container. testcontainers has created the container; the docker command stops and
 * starts it.
 */
export class ContainerNode implements ClusterNode {
  readonly name: string;
  readonly containerId: string;
  readonly #answers: () => Promise<boolean>;

  constructor(input: ContainerNodeInput) {
    this.name = input.name;
    this.containerId = input.containerId;
    this.#answers = input.answers;
  }

  async start(): Promise<void> {
    await this.#docker('start');
    await this.serves();
  }

  /** Resolves when the process answers. Used for its first start too. */
  async serves(): Promise<void> {
    try {
      await pollUntil(this.#answers, { awaited: `${this.name} serves`, timeoutMs: START_TIMEOUT_MS });
    } catch (cause) {
      throw new Error(`${this.name} did not start; its log ends with\n${await this.logTail()}`, { cause });
    }
  }

  async stop(): Promise<void> {
    await this.#docker('stop', '--time', String(STOP_TIMEOUT_SECONDS));
  }

  async kill(): Promise<void> {
    const running = await this.#docker('inspect', '--format', '{{.State.Running}}');
    if (running.trim() !== 'true') return;
    await this.#docker('kill');
    await this.#docker('wait');
  }

  async pause(): Promise<void> {
    await this.#docker('pause');
  }

  async resume(): Promise<void> {
    await this.#docker('unpause');
  }

  logTail(): Promise<string> {
    return this.#docker('logs', '--tail', String(LOG_TAIL_LINES));
  }

  #docker(command: string, ...options: string[]): Promise<string> {
    return runToEnd('docker', [command, ...options, this.containerId]);
  }
}
