import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { ImageId } from '#kernel/brand';
import { createContext } from '../../../stage0/cli/context';
import { createServices } from '../../../stage0/cli/services';
import { sweepLeftovers } from '../../../stage0/usecases/garbage';
import { scratchDirectory } from '../../fixtures/scratch';

const HOUR = 3_600_000;

describe('what gc sweeps', () => {
  const scratch = scratchDirectory();
  const services = () =>
    createServices(
      createContext('gc', {
        dir: scratch(),
        systemConfig: `${scratch()}/usr`,
        localConfig: `${scratch()}/etc`,
        userConfig: '',
        debug: false,
        insecureOptions: new Set<never>(),
        trustKeysFromHttps: false,
      }),
    );
  const files = (room: string): number => fs.readdirSync(`${scratch()}/${room}`).length;

  it('parts of downloads, a day after the last byte came', () => {
    const { partials } = services();
    const url = 'https://example.com/a.aci';
    const part = partials.open(url);
    part?.begin({ url });
    part?.append(Buffer.from('beginning'));
    part?.keep();
    sweepLeftovers({ ...services(), now: () => Date.now() + 23 * HOUR });
    assert.equal(files('downloads'), 2);
    sweepLeftovers({ ...services(), now: () => Date.now() + 25 * HOUR });
    assert.equal(files('downloads'), 0);
  });

  it('what URLs gave, once the image is gone', () => {
    const id = `sha512-${'a'.repeat(128)}` as ImageId;
    services().remotes.remember({ url: 'https://example.com/a.aci', id, freshUntil: 0 });
    assert.equal(files('remotes'), 1);
    sweepLeftovers(services());
    assert.equal(files('remotes'), 0);
  });
});
