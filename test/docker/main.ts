/**
 * Tests the Docker path as a user would: `npm run test:docker`. It builds deploy/Dockerfile, starts docker-compose.yml,
 * sends events and waits for an announcement. It checks what the image and the compose file promise, and runs some of
 * the tests on containers. docs/docker.md says what it needs, and what it cannot show if images cannot be pulled.
 *
 * With the argument `prepare`, it only gets the images and builds ours, so the next test begins with its checks. It does
 * not write to dist/, so other tests may run meanwhile.
 */
import { Checks } from './checks.js';
import { ComposeProject } from './compose.js';
import { checkDeployment } from './deployment-checks.js';
import { findOrStartEngine } from './engine.js';
import { getImages } from './images.js';
import { runTestsOnContainers } from './container-tests.js';
import { leavePrepared, takePrepared } from './prepared.js';
import { say } from './say.js';

const INTERRUPTED = 130;
const NO_COMPOSE = 'neither `docker compose` nor `docker-compose` is installed';

process.env['DEBIAN_FRONTEND'] = 'noninteractive';
/** The steps that undo the test, the newest last. */
const undo: (() => Promise<void>)[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undoAll().finally(() => process.exit(INTERRUPTED)));

process.exitCode = await (process.argv[2] === 'prepare' ? prepare() : testDocker()).finally(undoAll);

async function prepare(): Promise<number> {
  const engine = await findOrStartEngine();
  if ('missing' in engine) return skip(engine.missing);
  undo.push(() => engine.stop());
  const project = await ComposeProject.create();
  if (project === null) return skip(NO_COMPOSE);
  const images = await getImages(engine.isOfTest);
  await project.build();
  await leavePrepared(images);
  return 0;
}

async function testDocker(): Promise<number> {
  const checks = new Checks();
  const engine = await findOrStartEngine();
  if ('missing' in engine) return skip(engine.missing);
  undo.push(() => engine.stop());
  const project = await ComposeProject.create();
  if (project === null) return skip(NO_COMPOSE);
  let pulled = false;
  const haveImages = await checks.run('the images are pulled, or made here', async () => {
    pulled = ((await takePrepared()) ?? (await getImages(engine.isOfTest))) === 'pulled';
  });
  if (haveImages) {
    undo.push(() => project.down());
    await checkDeployment(project, checks);
    await runTestsOnContainers(checks, pulled);
  }
  console.log(`\n${checks.summary}`);
  return checks.failed === 0 ? 0 : 1;
}

function skip(reason: string): number {
  console.log(`skipped: ${reason}\n\n0 passed, 0 failed, 1 skipped`);
  return 0;
}

async function undoAll(): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop())
    await step().catch((error: unknown) => say(`cannot clean up: ${String(error)}`));
}
