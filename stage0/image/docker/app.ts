/** What a Docker image executes, as the `app` of an ACI (docker-conversion.md). */
import { cleanPath } from '#kernel/clean-path';
import { isVariableName } from '../../../stage2/environment';
import type { App, EnvironmentVariable, MountPoint, Port } from '../schema';
import type { ExecutionConfig } from './config';
import { uniqueNames } from './names';

const MAX_PORT = 65_535;
const MAX_ENTRIES = 1000;

/** `user:group`; without a group it is the user's own (stage2/conventions.ts), which the user's name in its place stands for. */
function identity(written: string | undefined): Pick<App, 'user' | 'group'> {
  const [user = '', group = ''] = (written ?? '').split(':');
  return { user: user || '0', group: group || user || '0' };
}

export function namesOwnGroup(written: string | undefined): boolean {
  const [user, group] = (written ?? '').split(':');
  return group !== undefined && group !== '' && group === (user || '0');
}

/** Entries without `=` are none, and the last of a name counts. Docker takes any name, appc's manifests do not. */
function environment(entries: readonly string[]): readonly EnvironmentVariable[] {
  const found = new Map<string, EnvironmentVariable>();
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const name = entry.slice(0, Math.max(0, at));
    if (isVariableName(name)) found.set(name, { name, value: entry.slice(at + 1) });
  }
  return [...found.values()];
}

function mountPoints(volumes: readonly string[]): readonly MountPoint[] {
  const name = uniqueNames();
  const paths = [...new Set(volumes.map(cleanPath))].filter((path) => path !== '/').sort();
  return paths.slice(0, MAX_ENTRIES).map((path) => ({ name: name(`volume${path}`), path }));
}

/** `80`, `53/udp`, `8000-8010/tcp`. What is none is nothing that could be reached. */
function ports(exposed: readonly string[]): readonly Port[] {
  const name = uniqueNames();
  return [...exposed]
    .sort()
    .slice(0, MAX_ENTRIES)
    .flatMap((written): readonly Port[] => {
      const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([A-Za-z]+))?$/.exec(written);
      const first = Number(match?.[1] ?? 0);
      const last = Number(match?.[2] ?? first);
      if (first < 1 || last > MAX_PORT || last < first) return [];
      const protocol = match?.[3]?.toLowerCase() ?? 'tcp';
      const range = first === last ? `${first}` : `${first}-${last}`;
      const count = last === first ? {} : { count: last - first + 1 };
      return [{ name: name(`${range}-${protocol}`), port: first, protocol, ...count }];
    });
}

export function appOf(config: ExecutionConfig): App {
  const exec = [...config.Entrypoint, ...config.Cmd];
  const variables = environment(config.Env);
  const points = mountPoints(config.Volumes);
  const exposed = ports(config.ExposedPorts);
  return {
    exec,
    ...identity(config.User),
    workingDirectory: cleanPath(config.WorkingDir ?? '/'),
    ...(variables.length === 0 ? {} : { environment: variables }),
    ...(points.length === 0 ? {} : { mountPoints: points }),
    ...(exposed.length === 0 ? {} : { ports: exposed }),
    ...(Object.keys(config.Labels).length === 0 ? {} : { userLabels: config.Labels }),
  };
}
