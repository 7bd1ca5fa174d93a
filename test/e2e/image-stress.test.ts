/** Many processes on one store: whatever they meet, each does its work or says why not, and the store is sound at the end. */
import assert from 'node:assert/strict';
import { busyboxAci } from '../fixtures/aci';
import { needsHost, Rig } from '../rig/rig';

const RUN_MS = 20_000;
const INSECURE = '--insecure-options=image';

describe('one store, eight processes at once', function () {
  this.timeout(180_000);
  let rig: Rig;

  before(function () {
    needsHost(this);
    rig = new Rig();
  });
  after(() => rig?.dispose());

  it('fetch, rm, gc, verify, list and prepare leave a sound store, and nobody sees half an image', async () => {
    const files = [1, 2].map((n) =>
      rig.write(`${n}.aci`, busyboxAci({ name: `example.com/n${n}`, exec: ['/bin/true'] })),
    );
    const [one = '', two = ''] = files;
    const name = 'example.com/n1';
    /** What may be said when somebody else has just removed the image. */
    const gone = /: image-(?:not-found|removed): /;
    const jobs: readonly { readonly args: readonly string[]; readonly may?: RegExp }[] = [
      { args: [INSECURE, 'fetch', one] },
      { args: [INSECURE, 'fetch', one, two] },
      { args: ['image', 'rm', name] },
      { args: ['image', 'gc', '--grace-period=0'] },
      { args: ['image', 'verify', name], may: gone },
      { args: ['image', 'cat-manifest', name], may: gone },
      { args: [INSECURE, 'prepare', one] },
      { args: ['image', 'list', '--format=json'] },
    ];
    const end = Date.now() + RUN_MS;
    const counts = await Promise.all(
      jobs.map(async ({ args, may }) => {
        let done = 0;
        for (; Date.now() < end; done += 1) {
          const { status, stderr } = await rig.start(...args).ended;
          if (status !== 0 && may?.test(stderr) !== true) assert.fail(`${args.join(' ')}: status ${status}: ${stderr}`);
        }
        return done;
      }),
    );
    assert.ok(Math.min(...counts) > 3, `${counts}`);
    const { status, stdout } = rig.podctl('store', 'check', '--deep');
    assert.equal(status, 0, stdout);
    rig.removeEnded();
    rig.ok('image', 'gc', '--grace-period=0');
    assert.deepEqual(rig.leftovers(), []);
  });
});
