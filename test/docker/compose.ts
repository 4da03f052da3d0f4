/** Runs docker-compose.yml as this test's own project, on free ports. */
import { freePort } from '../../testkit/cluster/free-port.js';
import { runToEnd } from '../../testkit/cluster/run-to-end.js';
import { canInstallPackages, installPackages, programPath } from './debian-packages.js';
import { ROOT } from './images.js';

/** Building the image installs the packages of npm twice and compiles. */
const UP_TIMEOUT_MS = 900_000;
const COMMAND_TIMEOUT_MS = 60_000;

export interface ComposeAddresses {
  readonly KAFKA_BROKERS: string;
  readonly SCHEMA_REGISTRY_URL: string;
}

export class ComposeProject {
  readonly name = `company-sync-test-${process.pid}`;
  readonly addresses: ComposeAddresses;
  readonly #command: readonly string[];

  private constructor(command: readonly string[], addresses: ComposeAddresses) {
    this.#command = command;
    this.addresses = addresses;
  }

  /** Null if neither `docker compose` nor `docker-compose` exists. */
  static async create(): Promise<ComposeProject | null> {
    const command = await composeCommand();
    if (command === null) return null;
    const taken = new Set<number>();
    const [kafka, registry] = [await freePort(taken), await freePort(taken)];
    process.env['KAFKA_PORT'] = String(kafka);
    process.env['SCHEMA_REGISTRY_PORT'] = String(registry);
    return new ComposeProject(command, {
      KAFKA_BROKERS: `localhost:${kafka}`,
      SCHEMA_REGISTRY_URL: `http://localhost:${registry}/apis/ccompat/v7`,
    });
  }

  async build(): Promise<void> {
    await this.#compose(['build'], UP_TIMEOUT_MS);
  }

  async up(processors: number): Promise<void> {
    await this.#compose(['up', '--detach', '--scale', `processor=${processors}`], UP_TIMEOUT_MS);
  }

  async down(): Promise<void> {
    await this.#compose(['down', '--volumes', '--timeout', '15'], COMMAND_TIMEOUT_MS);
  }

  /** Ids of the service's containers, also of those that have ended. */
  containersOf(service: string): Promise<string[]> {
    return this.#labelled('ps', '--all', '--filter', `label=com.docker.compose.service=${service}`);
  }

  /** host:port on this machine for a port of the service's container with that index, from 1 on. */
  async port(service: string, index: number, port: number): Promise<string> {
    return (await this.#compose(['port', '--index', String(index), service, String(port)], COMMAND_TIMEOUT_MS)).trim();
  }

  /** The containers, networks and named volumes that still exist. */
  async remains(): Promise<string[]> {
    const kinds = [this.#labelled('ps', '--all'), this.#labelled('network', 'ls'), this.#labelled('volume', 'ls')];
    return (await Promise.all(kinds)).flat();
  }

  async #labelled(...command: readonly string[]): Promise<string[]> {
    const label = `label=com.docker.compose.project=${this.name}`;
    return words(await runToEnd('docker', [...command, '--quiet', '--filter', label]));
  }

  #compose(words: readonly string[], timeoutMs: number): Promise<string> {
    const [file = '', ...first] = this.#command;
    return runToEnd(file, [...first, '--project-name', this.name, ...words], { cwd: ROOT, timeoutMs });
  }
}

/** The plugin of today's Docker, or the program that Debian has. */
async function composeCommand(): Promise<readonly string[] | null> {
  try {
    await runToEnd('docker', ['compose', 'version'], { timeoutMs: COMMAND_TIMEOUT_MS });
    return ['docker', 'compose'];
  } catch {
    // No plugin.
  }
  if (programPath('docker-compose') === undefined && canInstallPackages()) await installPackages(['docker-compose']);
  return programPath('docker-compose') === undefined ? null : ['docker-compose'];
}

function words(text: string): string[] {
  return text.split('\n').filter((word) => word !== '');
}
