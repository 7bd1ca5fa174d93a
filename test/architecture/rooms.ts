/**
 * Which room of DESIGN §9 a file is in, and what each room may import:
 *
 *     main → cli → usecases → {areas of stage0, gc} → stage1/plan → stage2 → {units, kernel}
 */
import type { Import, Source } from './sources';

export type Room = string;

/**
 * The areas, lowest first. Everyone may know the types of every area (interfaces); code they use only of areas further
 * down, so that no two of them ever need each other. Peers on one floor meet in a use case.
 */
const FLOORS: readonly (readonly Room[])[] = [
  ['stage0/files'],
  ['stage0/config', 'stage0/host', 'stage0/systemd', 'stage0/render'],
  ['stage0/image'],
  ['stage0/store'],
  [
    'stage0/image/fetch',
    'stage0/image/verify',
    'stage0/image/convert',
    'stage0/pod',
    'stage0/net',
    'stage0/metadata',
    'gc',
  ],
  // Comes over the network and out of archives, and is verified: what fetch and verify do for ACIs.
  ['stage0/image/docker'],
];

const BOTTOM = ['units', 'kernel'];
const STAGES = ['stage1/plan', 'stage1/native', 'stage2', ...BOTTOM];
const AREAS = FLOORS.flat();

/** The rooms whose code a room may import, besides its own. */
const MAY_IMPORT: Readonly<Record<Room, readonly Room[]>> = {
  'stage0/main': ['stage0/cli', 'kernel'],
  'stage0/cli': ['stage0/usecases', ...AREAS, ...STAGES],
  'stage0/usecases': [...AREAS, ...STAGES],
  ...Object.fromEntries(
    FLOORS.flatMap((floor, level) => floor.map((area) => [area, [...FLOORS.slice(0, level).flat(), ...STAGES]])),
  ),
  'stage1/plan': ['stage2', ...BOTTOM],
  'stage1/native': ['kernel'],
  stage2: BOTTOM,
  units: ['kernel'],
  kernel: [],
};

/** Rooms that decide and do nothing else: they reach no module of Node's, not even through what they import. */
export const PLANNERS: readonly Room[] = ['stage1/plan', 'stage2'];

export function roomOf(path: string): Room {
  const [top = '', second = '', third = '', below] = path.split('/');
  if (path === 'stage0/main.ts') return 'stage0/main';
  if (path.startsWith('stage0/kernel/')) return 'kernel';
  if (second === 'image' && below !== undefined) return `${top}/${second}/${third}`;
  return top === 'stage0' || top === 'stage1' ? `${top}/${second}` : top;
}

function mayImport(from: Room, { typeOnly }: Import, to: Room): boolean {
  if (from === to) return true;
  if (MAY_IMPORT[from]?.includes(to) === true) return true;
  return typeOnly && AREAS.includes(from) && AREAS.includes(to);
}

/** Files in no room at all: a new folder needs a place in the table above. */
export const homeless = (sources: readonly Source[]): string[] =>
  sources.map(({ path }) => path).filter((path) => MAY_IMPORT[roomOf(path)] === undefined);

/** Every import against the direction, with the way that leads to it. */
export const wrongWays = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) =>
    source.imports
      .filter((found) => found.file !== undefined && !mayImport(roomOf(source.path), found, roomOf(found.file)))
      .map((found) => `${wayTo(sources, source.path).join(' → ')} → ${found.file} (${reason(source, found)})`),
  );

function reason(source: Source, found: Import): string {
  const [from, to] = [roomOf(source.path), roomOf(found.file ?? '')];
  const onlyTypes = AREAS.includes(from) && AREAS.includes(to);
  return onlyTypes ? `${from} may import only types of ${to}` : `${from} may not import ${to}`;
}

/** Every way from a planner to a module that is not pure. */
export const impureWays = (sources: readonly Source[]): string[] =>
  sources
    .filter(({ path }) => PLANNERS.includes(roomOf(path)))
    .flatMap(({ path }) => {
      const way = shortestWay(sources, path, (source) => source.imports.some(leavesTheSources));
      const last = sources.find((source) => source.path === way.at(-1));
      const outside = last?.imports.find(leavesTheSources);
      return outside === undefined ? [] : [`${way.join(' → ')} → ${outside.specifier}`];
    });

const leavesTheSources = ({ file, typeOnly }: Import): boolean => file === undefined && !typeOnly;

/** How the program comes to a file: the shortest way of imports from main.ts, or the file alone. */
function wayTo(sources: readonly Source[], target: string): readonly string[] {
  const way = shortestWay(sources, 'stage0/main.ts', ({ path }) => path === target);
  return way.length > 0 ? way : [target];
}

/** Breadth first along imports that exist at run time. */
function shortestWay(
  sources: readonly Source[],
  start: string,
  arrived: (source: Source) => boolean,
): readonly string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const queue: (readonly string[])[] = [[start]];
  const seen = new Set([start]);
  for (let way = queue.shift(); way !== undefined; way = queue.shift()) {
    const source = byPath.get(way.at(-1) ?? '');
    if (source === undefined) continue;
    if (arrived(source)) return way;
    for (const { file, typeOnly } of source.imports) {
      if (file === undefined || typeOnly || seen.has(file)) continue;
      seen.add(file);
      queue.push([...way, file]);
    }
  }
  return [];
}
