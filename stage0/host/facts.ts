/** Facts of the host that isolators depend on, read when they are asked for. */
import fs from 'node:fs';
import type { AbsPath } from '#kernel/brand';
import { native } from '../../stage1/native/index';
import type { FactName, HostFacts } from '../../stage2/isolators/types';
import { diskOf } from './disk';
import { nodeAt, securityModules } from './security';
import { textOf } from './text';

/** Where cgroup v2 is mounted: alone, or beside the v1 hierarchies. */
const HIERARCHIES = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'] as const;

function controllers(): readonly string[] {
  for (const hierarchy of HIERARCHIES) {
    const text = textOf(`${hierarchy}/cgroup.controllers`);
    if (text !== undefined) return text.split(' ').filter((word) => word !== '');
  }
  return [];
}

const exists = (path: string): boolean => fs.existsSync(path);

/** The weight of iocost, or that of the BFQ scheduler; the root has no weight, so others of their traces are looked for. */
function ioWeight(): HostFacts['ioWeight'] {
  if (HIERARCHIES.some((hierarchy) => exists(`${hierarchy}/io.cost.qos`))) return 'io.weight';
  return exists('/sys/module/bfq') ? 'io.bfq.weight' : undefined;
}

const READERS: Readonly<Record<FactName, (dataDir: AbsPath) => Partial<HostFacts>>> = {
  disk: (dataDir) => ({ path: dataDir, device: diskOf(dataDir) }),
  cpus: () => ({ cpus: textOf('/sys/devices/system/cpu/online') }),
  nodes: () => ({ nodes: textOf('/sys/devices/system/node/online') ?? '0' }),
  ioWeight: () => ({ ioWeight: ioWeight() }),
  // The kernel has accounted swap whenever it could swap since Linux 5.8.
  swap: () => ({ swap: exists('/proc/swaps') }),
  security: () => ({ security: securityModules() }),
  deviceNodes: () => ({ nodeAt }),
  deviceRules: () => ({ restrictsDevices: native().canRestrictDevices() }),
};

export type FactReader = (names: ReadonlySet<FactName>) => HostFacts;

/** Reads each fact once, however often it is asked for. */
export function factReader(dataDir: AbsPath): FactReader {
  let known: HostFacts | undefined;
  const read = new Set<FactName>();
  return (names) => {
    known ??= { controllers: controllers() };
    for (const name of names) {
      if (!read.has(name)) known = { ...known, ...READERS[name](dataDir) };
      read.add(name);
    }
    return known;
  };
}
