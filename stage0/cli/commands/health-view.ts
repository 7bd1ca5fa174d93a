/** The health of an app as people and programs are shown it. */
import type { AppHealth } from '../../pod/record';

/** `KEY=healthy`; of an app whose checks fail, how many have in a row, and what the last one said. */
export const healthLines = (key: string, health: AppHealth | undefined): readonly string[] =>
  health === undefined
    ? []
    : [
        `${key}=${health.state}`,
        ...(health.failures === 0 ? [] : [`${key}-failures=${health.failures}`]),
        ...(health.output === undefined ? [] : [`${key}-output=${health.output}`]),
      ];

/** Null without checks, and of an app that does not run. */
export const healthJson = (health: AppHealth | undefined) =>
  health === undefined ? null : { state: health.state, failures: health.failures, output: health.output ?? null };
