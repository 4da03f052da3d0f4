/** Builds the Kafka Streams processor of `bench/kafka-streams-peer`, and runs processes of it. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeWithParent, spawnWithParent } from '../../testkit/cluster/end-with-parent.js';
import { findJavas } from '../../testkit/cluster/find-java.js';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import { REPOSITORY } from '../../testkit/command.js';
import { latestSchemaId } from '../../testkit/platform-events.js';
import { deployFor, type Contestant, type ContestantProcess } from './contestant.js';

export interface StreamsOptions {
  /** One value for each company, or a row for each dataset. */
  readonly layout: 'value' | 'rows';
  readonly commitIntervalMs: number;
  readonly threads: number;
}

/** How to start the built program. */
export interface StreamsProgram {
  readonly java: string;
  readonly classpath: string;
}

const FOLDER = join(REPOSITORY, 'bench', 'kafka-streams-peer');
const CLASSPATH_FILE = join('target', 'classpath');
const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const JVM_FLAGS = ['-Xms512m', '-Xmx512m', '-XX:+UseG1GC'];
const OUTPUT_KEPT = 20_000;
const STOP_TIMEOUT_MS = 40_000;

/** Compiles the program by Maven, which fetches Kafka Streams once. */
export async function buildStreams(): Promise<StreamsProgram> {
  const [java] = await findJavas(process.env);
  if (java === undefined) throw new Error('Kafka Streams needs Java 17: `sudo apt-get install openjdk-17-jdk maven`');
  const goals = ['compile', `${DEPENDENCY_PLUGIN}:build-classpath`, `-Dmdep.outputFile=${CLASSPATH_FILE}`];
  await runToEnd('mvn', ['--batch-mode', '--quiet', ...goals], { cwd: FOLDER });
  const jars = (await readFile(join(FOLDER, CLASSPATH_FILE), 'utf8')).trim();
  return { java: java.path, classpath: `${join(FOLDER, 'target', 'classes')}:${jars}` };
}

/** @param build the folder of the built processor, which makes topics and schemas for this contestant too */
export function kafkaStreams(program: StreamsProgram, build: string, options: StreamsOptions): Contestant {
  const { layout, commitIntervalMs, threads } = options;
  return {
    name: `Kafka Streams, ${layout === 'rows' ? 'rows' : 'one value'}, ${commitIntervalMs} ms`,
    install: async (cluster, partitions, inputTopic) => {
      const deployment = await deployFor(cluster, build, partitions, inputTopic);
      const schemaId = await latestSchemaId(cluster.registryUrl, `${deployment.topics.synchronized}-value`);
      const env = {
        ...deployment.env,
        LAYOUT: layout,
        COMMIT_INTERVAL_MS: String(commitIntervalMs),
        THREADS: String(threads),
        REPLICATION_FACTOR: '1',
        OUTBOUND_SCHEMA_ID: String(schemaId),
      };
      return {
        deployment,
        changelog: `${deployment.applicationId}-companies-changelog`,
        start: (stateDir) => new StreamsProcess(program, env, stateDir),
      };
    },
  };
}

class StreamsProcess implements ContestantProcess {
  readonly stateDir: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #ended = false;
  #output = '';

  constructor(
    { java, classpath }: StreamsProgram,
    env: NodeJS.ProcessEnv,
    stateDir = mkdtempSync(join(tmpdir(), 'streams-bench-')),
  ) {
    this.stateDir = stateDir;
    removeWithParent(stateDir);
    const command = [...JVM_FLAGS, '-cp', classpath, 'companysync.peer.Peer'];
    this.#child = spawnWithParent(java, command, {
      env: { ...env, STATE_DIR: stateDir },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (text: string): void => {
      this.#output = (this.#output + text).slice(-OUTPUT_KEPT);
    };
    for (const output of [this.#child.stdout, this.#child.stderr]) output?.setEncoding('utf8').on('data', keep);
    this.#exited = new Promise((resolve) => this.#child.once('close', () => resolve()));
    void this.#exited.then(() => (this.#ended = true));
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('Java was never started');
    return this.#child.pid;
  }

  mustRun(): void {
    if (this.#ended) throw new Error(`Kafka Streams has ended; its output ends with\n${this.#output}`);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async stopAndRemove(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
