/** A process of a search on several cores: it runs its share of the seeds, and sends each outcome. */
import { outcomeOf, type Search, type Seeds } from './search.js';

const [search, { from, end, step }] = JSON.parse(process.argv[2] ?? '') as [Search, Seeds];
process.on('disconnect', () => process.exit(1));
for (let seed = from; seed < end; seed += step) {
  const outcome = await outcomeOf(search, seed);
  await new Promise((sent) => process.send?.(outcome, sent));
}
process.disconnect();
