/** What suites begin and end alike: called in `describe`, each adds the hooks that make and remove what it returns. */
import { busyboxAci } from '../fixtures/aci';
import { needsHost, Rig } from './rig';
import { Services } from './service';

/** Of a suite about pods in units of the user's. Each is there from the first test on. */
export class OwnUnits {
  #rig: Rig | undefined;
  #units: Services | undefined;
  #image: string | undefined;

  /** @param makeImage of the suite's image, in the rig */
  constructor(makeImage: (rig: Rig) => string) {
    const suite = this;
    before(function () {
      needsHost(this);
      suite.#rig = new Rig();
      suite.#image = makeImage(suite.#rig);
    });
    beforeEach(() => {
      suite.#units = new Services(suite.rig);
    });
    afterEach(() => {
      suite.#units?.dispose();
      suite.#rig?.removeEnded();
    });
    after(() => suite.#rig?.dispose());
  }

  get rig(): Rig {
    return made(this.#rig);
  }
  /** Anew for each test, which leaves none behind. */
  get units(): Services {
    return made(this.#units);
  }
  get image(): string {
    return made(this.#image);
  }
}

/** An image with busybox, to be told what to run. */
export const helloImage = (rig: Rig): string =>
  rig.write('hello.aci', busyboxAci({ name: 'example.com/hello', exec: ['/bin/true'] }));

/** Of a suite about pods in units of podctl's, which idle. */
export class IdlePods {
  #rig: Rig | undefined;
  #image: string | undefined;

  constructor() {
    const suite = this;
    before(function () {
      needsHost(this);
      suite.#rig = new Rig();
      const exec = ['/bin/sh', '-c', 'exec sleep 1000'];
      suite.#image = suite.#rig.write('sh.aci', busyboxAci({ name: 'example.com/sh', exec }));
    });
    after(() => suite.#rig?.dispose());
  }

  get rig(): Rig {
    return made(this.#rig);
  }
  get image(): string {
    return made(this.#image);
  }
  /** Starts a pod of this name in the background; its UUID. */
  detach(name: string): string {
    const flags = ['--insecure-options=image', 'run', '--detach', '--net=none', `--name=${name}`];
    return this.rig.ok(...flags, this.image).trim();
  }
  status(pod: string): IdlePod {
    return JSON.parse(this.rig.ok('status', '--format=json', pod)) as IdlePod;
  }
}

export interface IdlePod {
  readonly name: string;
  readonly pod_name: string;
  readonly state: string;
}

function made<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('is there in tests and hooks only');
  return value;
}
