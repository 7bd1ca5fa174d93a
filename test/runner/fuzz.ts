/** `npm run fuzz -- [SECONDS [TARGET]]`: fuzzes each decoder for so long (60 s), by hand. Status 1 at the first crash. */
import { fuzz, TARGETS } from '../fixtures/fuzz/targets';

const [seconds = '60', wanted = ''] = process.argv.slice(2);
for (const target of TARGETS.filter(({ name }) => name.includes(wanted))) {
  const count = fuzz(target, Number(seconds) * 1000, Date.now() % 2 ** 31);
  process.stdout.write(`${target.name}: ${count} inputs, nothing found\n`);
}
