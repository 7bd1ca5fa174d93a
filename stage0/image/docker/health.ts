/** The health check of a Docker image (`Healthcheck` of its configuration), as annotations of the ACI it becomes. */
import {
  argvOfTest,
  HEALTH_CMD,
  HEALTH_INTERVAL,
  HEALTH_RETRIES,
  HEALTH_START_INTERVAL,
  HEALTH_START_PERIOD,
  HEALTH_TIMEOUT,
  LONGEST_MS,
  MAX_COMMAND_BYTES,
} from '../../../stage2/health';
import { type Decode, Members, SchemaError } from '../decode';
import type { Annotation } from '../schema';

/** As it stands in the document, checked. */
export interface Healthcheck {
  /** Kind and words. */
  readonly Test: readonly string[];
  /** Milliseconds; undefined: Docker's default. */
  readonly Interval: number | undefined;
  readonly Timeout: number | undefined;
  readonly StartPeriod: number | undefined;
  readonly StartInterval: number | undefined;
  readonly Retries: number | undefined;
}

const NS_PER_MS = 1_000_000;
const MAX_RETRIES = 1_000_000_000;

/** Nanoseconds; 0 stands for the default, and what is shorter than a millisecond is refused, as by Docker. A year is for ever. */
const time: Decode<number | undefined> = (value, at) => {
  const ns = whole(value, at);
  if (ns === 0) return undefined;
  if (ns < NS_PER_MS) throw new SchemaError(at, 'must be 0, or at least 1000000 (a millisecond)');
  return Math.min(Math.floor(ns / NS_PER_MS), LONGEST_MS);
};

const retries: Decode<number | undefined> = (value, at) => {
  const count = whole(value, at);
  if (count < 0) throw new SchemaError(at, 'must not be negative');
  return count === 0 ? undefined : Math.min(count, MAX_RETRIES);
};

/** Beyond 2^53 the last digits are gone, which these numbers can do without. */
function whole(value: unknown, at: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw new SchemaError(at, 'must be a whole number');
}

/** @param words how a list of words is read @throws SchemaError */
export const healthcheck =
  (words: Decode<readonly string[]>): Decode<Healthcheck> =>
  (value, at) => {
    const members = new Members(value, at);
    const test = members.listOf('Test', words);
    if (Buffer.byteLength(JSON.stringify(test)) > MAX_COMMAND_BYTES)
      throw new SchemaError(`${at}.Test`, `has more than ${MAX_COMMAND_BYTES} bytes`);
    return {
      Test: test,
      Interval: members.optional('Interval', time).Interval,
      Timeout: members.optional('Timeout', time).Timeout,
      StartPeriod: members.optional('StartPeriod', time).StartPeriod,
      StartInterval: members.optional('StartInterval', time).StartInterval,
      Retries: members.optional('Retries', retries).Retries,
    };
  };

const KINDS = ['NONE', 'CMD', 'CMD-SHELL'];

/** A test of another kind is none, as to Docker. @param shell the image's own for CMD-SHELL; without words Docker's */
export function healthAnnotations(check: Healthcheck, shell: readonly string[]): readonly Annotation[] {
  const argv = KINDS.includes(check.Test[0] ?? '')
    ? argvOfTest(check.Test, shell.length === 0 ? undefined : shell)
    : undefined;
  if (argv === undefined || argv.length === 0 || argv[0] === '' || argv.at(-1) === '') return [];
  const times: readonly (readonly [string, number | undefined])[] = [
    [HEALTH_INTERVAL, check.Interval],
    [HEALTH_TIMEOUT, check.Timeout],
    [HEALTH_START_PERIOD, check.StartPeriod],
    [HEALTH_START_INTERVAL, check.StartInterval],
  ];
  return [
    { name: HEALTH_CMD, value: JSON.stringify(['CMD', ...argv]) },
    ...times.flatMap(([name, ms]) => (ms === undefined ? [] : [{ name, value: `${ms}ms` }])),
    ...(check.Retries === undefined ? [] : [{ name: HEALTH_RETRIES, value: String(check.Retries) }]),
  ];
}
