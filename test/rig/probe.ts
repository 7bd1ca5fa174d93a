/** An image with the probe of fixtures/probe.c in it, and what the probe says, as values. */
import assert from 'node:assert/strict';
import { busyboxAci } from '../fixtures/aci';
import { staticProgram } from '../fixtures/program';
import type { TarItem } from '../fixtures/tar-writer';
import type { Outcome, Rig } from './rig';

/** `probe see`: everything that a process is given. Files are as the kernel has them, or the name of the error. */
export interface Sight {
  readonly fds: readonly {
    readonly fd: string;
    readonly to: string;
    readonly access: string;
    readonly device: string;
  }[];
  readonly cwd: string;
  readonly root: string;
  readonly exe: string;
  readonly status: string;
  readonly mountinfo: string;
  readonly cgroup: string;
  readonly limits: string;
  readonly oom: string;
  readonly cmdline: string;
  readonly users: string;
  readonly environ: readonly string[];
  readonly namespaces: Readonly<Record<string, string>>;
  /** By path, of the whole root: `c 1:3 666`. */
  readonly devices: Readonly<Record<string, string>>;
  readonly dev: readonly string[];
}

export interface MountPoint {
  readonly point: string;
  /** What of its file system it shows. */
  readonly root: string;
  readonly options: string;
  readonly propagation: string;
  readonly type: string;
  readonly source: string;
  readonly superOptions: string;
}

/** Columns of proc_pid_mountinfo(5). */
export function mountsOf({ mountinfo }: Sight): readonly MountPoint[] {
  return mountinfo
    .trim()
    .split('\n')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [, , , root = '', point = '', options = '', ...propagation] = left.split(' ');
      const [type = '', source = '', superOptions = ''] = right.split(' ');
      return { point, root, options, propagation: propagation.join(' '), type, source, superOptions };
    });
}

/** A line of proc_pid_status(5). */
export const statusOf = ({ status }: Sight, name: string): string | undefined =>
  new RegExp(`^${name}:[\\t ]*(.*)$`, 'm').exec(status)?.[1]?.trim();

let compiled: Buffer | undefined;

export class Probe {
  readonly rig: Rig;
  readonly image: string;

  constructor(rig: Rig) {
    this.rig = rig;
    this.image = this.imageWith('probe', []);
  }

  /** An image that has the probe, too. */
  imageWith(name: string, files: readonly TarItem[], app: object = {}): string {
    compiled ??= staticProgram('probe');
    const program: TarItem = { name: 'rootfs/bin/probe', mode: 0o755, content: compiled };
    const aci = busyboxAci({ name: `example.com/${name}`, exec: ['/bin/probe'], app, files: [program, ...files] });
    return this.rig.write(`${name}.aci`, aci);
  }

  /** A pod of the image whose only process is the probe: no shell is in between. */
  run(words: readonly string[], flags: readonly string[] = [], image = this.image, global = 'image'): Outcome {
    const pod = flags.filter((flag) => /^--(private-users|volume|mount|hostname|net|ipc)/.test(flag));
    const app = flags.filter((flag) => !pod.includes(flag));
    const net = pod.some((flag) => flag.startsWith('--net')) ? [] : ['--net=none'];
    return this.rig.podctl(`--insecure-options=${global}`, 'run', ...net, ...pod, image, ...app, '--', ...words);
  }

  json(words: readonly string[], flags: readonly string[] = [], image = this.image, global = 'image'): unknown {
    const { status, stdout, stderr } = this.run(words, flags, image, global);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }

  see(flags: readonly string[] = [], image = this.image): Sight {
    return this.json(['see'], flags, image) as Sight;
  }

  /** What becomes of each attempt: "ok", or the name of the error. */
  tries(attempts: readonly string[], flags: readonly string[] = [], global = 'image'): Record<string, string> {
    return this.json(['try', ...attempts], flags, this.image, global) as Record<string, string>;
  }
}
