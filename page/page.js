/** The status page: asks this instance, which asks the others. It never parses displayed text as HTML. */

const PARTITIONS_EVERY_MS = 1_000;
const LISTS_EVERY_MS = 5_000;
/** An instance waits 10 s for the others. Without an answer after this time, it is frozen or cut off. */
const ANSWER_WITHIN_MS = 15_000;
/** From this time on, the page says how long it has waited, because the rest of it is older than that. */
const SLOW_ANSWER_MS = 3_000;
const LISTED = 20;
/** The most that the API returns. */
const MAX_LISTED = 1_000;
/** Entries of a timeline that are shown; a company may have 10,000 datasets. */
const SHOWN = 200;
const TOKEN_KEY = 'company-sync token';

/**
 * How each word of the API looks. test/unit/ops/status-page.test.ts fails if a word is missing here. During a rolling
 * upgrade another instance may send a newer word: the callers then fall back to a neutral look.
 */
const STATE_LOOKS = {
  waiting: 'busy',
  fencing: 'busy',
  restoring: 'busy',
  running: 'good',
  'waiting-for-registry': 'bad',
  'waiting-for-confirmation': 'bad',
  blocked: 'bad',
  closed: 'busy',
};
const CLASS_LOOKS = { succeeded: 'good', failed: 'bad', ended: 'calm', 'in-progress': 'busy' };
const VERDICT_LOOKS = {
  unknown: 'calm',
  deleted: 'calm',
  announced: 'good',
  'announced-elsewhere': 'good',
  held: 'bad',
  'no-manifest': 'busy',
  waiting: 'busy',
  unsealed: 'busy',
  'no-datasets': 'busy',
  'none-complete': 'busy',
  due: 'busy',
};
const DEPENDENCY_NAMES = { brokers: 'The brokers have', 'schema-registry': 'The schema registry has' };

const byId = (id) => document.getElementById(id);
const lastShown = new Map();
/** How many companies each list shows at most. Its button increases the number. */
const limits = { held: LISTED, stalled: LISTED, failed: LISTED, pending: LISTED };
let explained = null;

/** Characters that nobody sees or that change the order of others, such as bidi controls. As in `printable` of the commands. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** Makes the characters of a text visible. Ids and names come from others. Anything else stays as it is. */
function seen(child) {
  if (typeof child !== 'string') return child;
  return child.replace(UNSEEN, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

/** Makes an element with a class and children. Text stays text, whatever an id contains. */
function make(tag, looks, ...children) {
  const element = document.createElement(tag);
  if (looks) element.className = looks;
  element.append(...children.map(seen));
  return element;
}

/** Replaces the content of an element only if it has changed, so that focus and screen readers are not disturbed. */
function show(id, data, nodesOf) {
  const said = JSON.stringify(data);
  if (lastShown.get(id) === said) return;
  lastShown.set(id, said);
  const element = byId(id);
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.company : undefined;
  element.replaceChildren(...nodesOf(data).map(seen));
  if (focused !== undefined)
    [...element.querySelectorAll('button')].find((button) => button.dataset.company === focused)?.focus();
}

async function ask(path) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(path, { headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (response.status === 401) {
    if (byId('token-form').hidden) {
      byId('token-form').hidden = false;
      byId('token').focus();
    }
    byId('token-error').textContent = token === null ? '' : 'That token was refused.';
    // Another token may have been entered before this answer arrived.
    if (sessionStorage.getItem(TOKEN_KEY) === token) sessionStorage.removeItem(TOKEN_KEY);
    throw new Error('a token is needed');
  }
  byId('token-form').hidden = true;
  const body = await response.json();
  if (response.status !== 200 && body.verdict === undefined) throw new Error(body.error ?? `status ${response.status}`);
  return body;
}

function partitionRow(view) {
  const { partition, state, reason, lag, recordsPerSecond, position, owner, restoredPercent, cause, stale } = view;
  // An instance that is cut off does not know whether it still owns the partition.
  const said = make('td', stale ? 'bad' : (STATE_LOOKS[state] ?? 'busy'), state ?? 'unknown');
  if (stale) said.append(' when the brokers last answered');
  if (restoredPercent !== null) said.append(` ${restoredPercent} %`);
  for (const why of new Set([reason, cause])) if (why) said.append(make('div', 'meta', why));
  const numbers = [lag, recordsPerSecond, position].map((n) =>
    make('td', 'number', n === null ? '–' : n.toLocaleString('en')),
  );
  const head = make('th', 'number', String(partition));
  head.scope = 'row';
  return make('tr', '', head, said, ...numbers, make('td', '', owner ?? '–'));
}

function outageLine({ dependency, unreachableSince, cause }) {
  const name = DEPENDENCY_NAMES[dependency] ?? `${dependency} has`;
  return make('p', 'bad', `${name} not answered since ${unreachableSince}: ${cause}`);
}

function failingLine({ part, partition, failingSince, cause }) {
  const name = partition === null ? part : `${part} ${partition}`;
  return make('p', 'bad', `${name} has failed again and again since ${failingSince}: ${cause}`);
}

/** Everything that keeps this instance, or a part of it, from its work. */
function showFaults({ starting, failing = [], dependencies = [] }) {
  const faults = { starting, failing, away: dependencies.filter(({ reachable }) => reachable === false) };
  byId('outage').hidden = starting === undefined && failing.length + faults.away.length === 0;
  show('outage', faults, ({ away }) => [
    ...(starting === undefined ? [] : [make('p', 'bad', `This instance does not run yet: ${starting}`)]),
    ...away.map(outageLine),
    ...failing.map(failingLine),
  ]);
}

async function showPartitions() {
  const answer = await ask('partitions?scope=deployment');
  const { partitions } = answer;
  showFaults(answer);
  // Partitions that need attention come first, because the table shows a dozen at a time.
  const runs = ({ state, stale }) => state === 'running' && stale !== true;
  const [running, others] = [true, false].map((wanted) => partitions.filter((p) => runs(p) === wanted));
  show('partitions', [...others, ...running], (all) => all.map(partitionRow));
  const lag = partitions.reduce((sum, partition) => sum + (partition.lag ?? 0), 0);
  const unknown = partitions.filter((p) => p.stale).length;
  const behind = `${lag.toLocaleString('en')} behind${unknown === 0 ? '' : `, unknown for ${unknown}`}`;
  const rate = partitions.reduce((sum, partition) => sum + partition.recordsPerSecond, 0);
  const owners = new Set(partitions.flatMap(({ owner }) => owner ?? [])).size;
  return `${running.length} of ${partitions.length} partitions run on ${owners} instance${owners === 1 ? '' : 's'}, ${rate.toLocaleString('en')} records/s, ${behind}`;
}

function companyItem({ companyId, datasets, unfinished, holds, unsealedLinks, lastProgress }) {
  const button = make('button', 'link', companyId);
  button.dataset.company = companyId;
  // If a record has no date, the time of the last progress is unknown.
  const hour = lastProgress === null ? 'unknown' : `${lastProgress.slice(0, 10)} ${lastProgress.slice(11, 13)}h UTC`;
  const facts = [`${unfinished} of ${datasets} datasets in progress`, `last progress ${hour}`];
  if (unsealedLinks > 0) facts.push(`${unsealedLinks} link${unsealedLinks === 1 ? '' : 's'} open`);
  if (holds > 0) facts.push(`held by ${holds} record${holds === 1 ? '' : 's'}`);
  return make('li', '', button, make('div', 'meta', facts.join(', ')));
}

async function showList(state) {
  const limit = limits[state];
  const list = await ask(`companies?state=${state}&limit=${Math.min(limit + 1, MAX_LISTED)}`);
  const more = list.companies.length > limit;
  byId(`${state}-more`).hidden = !more;
  show(state, { ...list, limit }, ({ companies, count, complete }) => {
    const items = companies.slice(0, limit).map(companyItem);
    if (count > items.length)
      items.push(make('li', 'meta', `The first ${items.length} of ${count.toLocaleString('en')}.`));
    if (items.length === 0) items.push(make('li', 'calm', complete ? 'None.' : 'None found so far.'));
    if (!complete) items.push(make('li', 'meta', 'Some pending companies could not be examined.'));
    return items;
  });
}

/** Timeline entries of the records that decided something, in the order of the input: offset, words, and time. */
function timelineOf({ datasets, links, holds, early, decidedBy, verdict }) {
  const entries = datasets.map((d) => ({
    offset: d.decidedAtOffset,
    looks: CLASS_LOOKS[d.class] ?? 'busy',
    what: `${d.dataType} ${d.status}`,
    meta: [d.datasetId, `connection ${d.connectionId}`, d.own && `was ${d.own.status} at ${d.own.offset}`, d.since],
  }));
  for (const d of early)
    entries.push({
      offset: d.latest.offset,
      looks: 'calm',
      what: `${d.latest.status}, in no manifest yet`,
      meta: [d.datasetId, d.latest.since],
    });
  for (const l of links)
    if (l.endedAtOffset !== null)
      entries.push({
        offset: l.endedAtOffset,
        looks: 'calm',
        what: `connection ${l.connectionId} unlinked`,
        meta: [`link ${l.linkId}`],
      });
  for (const h of holds)
    entries.push({
      offset: Number(h.record.split('/')[1]),
      looks: 'bad',
      what: `record ${h.record} ${h.reason}`,
      meta: [h.code, h.at],
    });
  if (decidedBy !== null)
    entries.push({
      offset: decidedBy.offset,
      looks: VERDICT_LOOKS[verdict] ?? 'calm',
      what: verdict,
      meta: [decidedBy.at],
    });
  return entries.sort((a, b) => a.offset - b.offset);
}

function explanationNodes(explanation) {
  const { companyId, notes, asOf, companyName, clientId, links } = explanation;
  const facts = [companyId, companyName, clientId && `client ${clientId}`];
  if (asOf !== null) facts.push(`as of ${asOf.topic}/${asOf.partition} offset ${asOf.offset}`);
  const nodes = [make('p', 'meta', facts.filter(Boolean).join(' · ')), ...notes.map((note) => make('p', 'meta', note))];
  if (links.length > 0) {
    const said = links.map(
      (l) =>
        `${l.linkId} of ${l.connectionId} (${l.sourceType}) ${l.state}, ${l.unfinished} of ${l.datasets} in progress`,
    );
    nodes.push(make('p', 'meta', `Links: ${said.join('; ')}`));
  }
  const entries = timelineOf(explanation);
  const items = entries
    .slice(-SHOWN)
    .map(({ offset, looks, what, meta }) =>
      make(
        'li',
        looks,
        make('span', '', what),
        make('div', 'meta', [`offset ${offset}`, ...meta].filter(Boolean).join(' · ')),
      ),
    );
  if (entries.length > SHOWN) nodes.push(make('p', 'meta', `The last ${SHOWN} of ${entries.length}:`));
  const timeline = make('ol', 'timeline', ...items);
  timeline.setAttribute('aria-label', 'Deciding records, in the order of the input');
  if (items.length > 0) nodes.push(timeline);
  return nodes;
}

/** Shows the verdict: the one line that a screen reader announces when it changes. */
function showVerdict(sentence, looks) {
  byId('verdict').className = `verdict ${looks}`;
  show('verdict', sentence, (text) => [text]);
}

async function showExplanation(companyId) {
  explained = companyId;
  byId('company').value = companyId;
  try {
    history.replaceState(null, '', `#${encodeURIComponent(companyId)}`);
    const explanation = await ask(`companies?scope=deployment&id=${encodeURIComponent(companyId)}`);
    if (explained !== companyId) return;
    // The position is left out: it moves with every record of other companies, and must not be read out again.
    const lasting = { ...explanation, asOf: null };
    if (lastShown.get('explained') === JSON.stringify(lasting)) return;
    lastShown.set('explained', JSON.stringify(lasting));
    showVerdict(explanation.sentence, VERDICT_LOOKS[explanation.verdict] ?? 'busy');
    show('explanation', explanation, explanationNodes);
  } catch (error) {
    lastShown.delete('explained');
    showVerdict(error.message, 'bad');
    show('explanation', null, () => []);
  }
}

async function repeat(task, everyMs) {
  for (;;) {
    if (!document.hidden) await task();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** When the request for the partitions began that has no answer yet; null if there is none. */
let askedAt = null;
/** When the partitions were answered last; null before the first answer. */
let answeredAt = null;

/** Shows the summary, and marks the page if its content is old. */
function summarise(text, isOld) {
  byId('summary').textContent = text;
  byId('summary').className = isOld ? 'bad' : '';
  document.body.className = isOld ? 'old' : '';
}

function noAnswer(why) {
  const age = answeredAt === null ? '' : `. What is shown is ${Math.round((Date.now() - answeredAt) / 1_000)} s old`;
  summarise(`no answer: ${why}${age}`, true);
}

function showWait() {
  if (askedAt === null) return;
  const waitedMs = Date.now() - askedAt;
  if (waitedMs >= SLOW_ANSWER_MS) noAnswer(`waiting for ${Math.round(waitedMs / 1_000)} s`);
}

async function refresh() {
  askedAt = Date.now();
  try {
    const said = await showPartitions();
    answeredAt = Date.now();
    summarise(said, false);
  } catch (error) {
    noAnswer(error.name === 'TimeoutError' ? `none within ${ANSWER_WITHIN_MS / 1_000} s` : error.message);
  } finally {
    askedAt = null;
  }
  if (explained !== null) await showExplanation(explained);
}

async function refreshLists() {
  for (const state of ['held', 'stalled', 'failed', 'pending']) {
    try {
      await showList(state);
    } catch (error) {
      show(state, error.message, (message) => [make('li', 'bad', message)]);
    }
  }
}

byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  void showExplanation(byId('company').value);
});
byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN_KEY, byId('token').value);
  byId('token').value = '';
  void refresh().then(refreshLists);
});
document.addEventListener('click', ({ target }) => {
  const companyId = target.dataset?.company;
  if (companyId === undefined) return;
  void showExplanation(companyId);
  byId('company').focus();
});

for (const state of Object.keys(limits))
  byId(`${state}-more`).addEventListener('click', () => {
    limits[state] = Math.min(limits[state] * 5, MAX_LISTED);
    void showList(state).catch(() => undefined); // The next refresh shows the error.
  });

/** The company in the address; null if there is none. An address that was typed by hand may not be valid. */
function linkedCompany() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return location.hash.slice(1);
  }
}
explained = linkedCompany();
setInterval(showWait, 1_000);
void repeat(refresh, PARTITIONS_EVERY_MS);
void repeat(refreshLists, LISTS_EVERY_MS);
