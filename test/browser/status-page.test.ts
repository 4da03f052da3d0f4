/**
 * The status page in a real browser, on a real instance. Skipped without Chromium (CHROMIUM is its path,
 * /usr/bin/chromium by default). SCREENSHOTS is a folder for pictures.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { currentCluster } from '../support/current-cluster.js';
import { deploy, type Deployment } from '../../testkit/deployment.js';
import { consumed } from '../support/outbound.js';
import { Platform } from '../support/platform.js';
import { Processors, type Processor } from '../../testkit/processor.js';

const { CHROMIUM = '/usr/bin/chromium', SCREENSHOTS } = process.env;
const describeInBrowser = existsSync(CHROMIUM) ? describe : describe.skip;
if (!existsSync(CHROMIUM)) console.warn(`${CHROMIUM} is not there: the status page is not tested. Install chromium.`);

const TOKEN = 'the-token-of-the-test';
/** An id that looks like markup. */
const HOSTILE = '<img src=x onerror="window.hacked=1">/50%';

const processors = new Processors();
let deployment: Deployment;
let platform: Platform;
let processor: Processor;
let browser: Browser;
let page: Page;
let faults: string[];

describeInBrowser('the status page', () => {
  beforeAll(async () => {
    deployment = await deploy(currentCluster(), { settings: { HTTP_TOKEN: TOKEN } });
    platform = await Platform.connect(deployment);
    processor = await processors.startReady(deployment);
    const datasets = [
      { datasetId: 'd-invoices', dataType: 'invoices' },
      { datasetId: 'd-bills', dataType: 'bills' },
    ];
    const places = await platform.send([
      platform.manifest('acme', { datasets }),
      platform.status('acme', 'd-bills', 'Complete'),
      platform.status('acme', 'd-invoices', 'Fetching'),
      platform.manifest(HOSTILE, { datasets }),
      { key: HOSTILE, value: Buffer.from('no avro') },
      ...platform.completeCompany('done'),
    ]);
    await consumed(deployment, places);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    await platform.close();
    await processors.endAll();
  });

  beforeEach(async () => {
    page = await browser.newPage();
    faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      // The browser's own lines about answers that the page expects: a token is needed, a company was never seen.
      if (message.type() === 'error' && !/status of (401|404)/.test(message.text())) faults.push(message.text());
    });
    await page.goto(await processor.address());
    await page.getByLabel(/bearer token/).fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByText(/3 of 3 partitions run on 1 instance/).waitFor();
  });
  afterEach(async () => {
    expect(faults).toEqual([]);
    await page.close();
  });

  async function picture(name: string): Promise<void> {
    if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  }

  test('shows every partition, and what is held and waiting', async () => {
    const rows = page.getByRole('table').getByRole('row');
    expect(await rows.count()).toBe(4);
    expect(await rows.nth(1).innerText()).toMatch(/^0\s+running/);
    await page.locator('#held').getByRole('button', { name: HOSTILE }).waitFor();
    expect(await page.locator('#pending').getByRole('button').allInnerTexts()).toEqual(
      expect.arrayContaining(['acme', HOSTILE]),
    );
  });

  test('explains a company that is searched by the keyboard, with the timeline of its datasets', async () => {
    await page.getByLabel('Company id').focus();
    await page.keyboard.type('acme');
    await page.keyboard.press('Enter');
    await page.getByText('waiting for 1 of 2 datasets on 1 connection: invoices Fetching').waitFor();
    const entries = await page
      .getByRole('list', { name: /in the order of the input/ })
      .getByRole('listitem')
      .allInnerTexts();
    expect(entries.map((entry) => entry.split('\n')[0])).toEqual(['bills Complete', 'invoices Fetching']);
    await picture('light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture('dark');
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await picture('narrow');
  });

  test('says that the instance does not run yet, and what fails again and again', async () => {
    const failing = [
      { part: 'client-settings', partition: null, failingSince: '2026-01-01T00:00Z', cause: 'no leader' },
    ];
    await page.route('**/partitions?*', async (route) => {
      const answer = (await (await route.fetch()).json()) as object;
      await route.fulfill({ json: { ...answer, partitions: [], starting: 'joining the group', failing } });
    });
    const alert = page.getByRole('alert');
    await alert.getByText('This instance does not run yet: joining the group').waitFor();
    await alert.getByText('client-settings has failed again and again since 2026-01-01T00:00Z: no leader').waitFor();
  });

  test('shows an id as text, whatever it contains', async () => {
    await page.locator('#held').getByRole('button', { name: HOSTILE }).click();
    await page.getByText(/^held: record \d\/\d+ is not framed as Avro/).waitFor();
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(await page.locator('main img').count()).toBe(0);
    await picture('held');
  });

  test('follows a company to its announcement without being reloaded, and opens at it by its address', async () => {
    await page.getByLabel('Company id').fill('follow');
    await page.keyboard.press('Enter');
    await page.getByText('no record of this company was seen').waitFor();
    await platform.send(platform.completeCompany('follow'));
    await page.getByText(/^announced at .*: 1 complete, 0 failed/).waitFor();
    await page.reload();
    await page
      .getByRole('status')
      .getByText(/^announced at .*: 1 complete, 0 failed/)
      .waitFor();
  });

  test('opens at an address with an invalid id', async () => {
    await page.goto(`${await processor.address()}/#100%`);
    await page.reload();
    await page.getByRole('status').getByText('no record of this company was seen').waitFor();
  });

  test('shows the first of many companies, and more at the click of a button', async () => {
    const waiting = Array.from({ length: 25 }, (_, i) => platform.manifest(`many-${i}`, { datasets: ['d'] }));
    await consumed(deployment, await platform.send(waiting));
    await page.reload();
    const listed = page.locator('#pending').getByRole('button');
    const more = page.locator('#pending-more');
    await more.waitFor();
    expect(await listed.count()).toBe(20);
    await more.focus();
    await page.keyboard.press('Enter');
    await more.waitFor({ state: 'hidden' });
    await listed.nth(26).waitFor();
    await picture('many');
  });
});
