/** Flags about an app's life. Pure data. */
import { text, toggle } from '../flag';

export const APP_LIFE_FLAGS = {
  restart: text('run the app again when it ends: never (the default), on-failure or always, and :MAX times in a row', {
    value: 'POLICY[:MAX]',
  }),
  restartDelay: text('wait before the first restart in a row, twice as long before each further one (default: 100ms)', {
    value: 'DURATION',
  }),
  after: text('start the app once these apps of the pod are ready', { value: 'APP,…' }),
  ready: text(
    'the app is ready once it was executed (exec), says so itself by sd_notify(3) (notify), or is healthy (healthy)',
    { value: 'HOW' },
  ),
  stopSignal: text('signal that asks the app to end (default: SIGTERM)', { value: 'SIGNAL' }),
  healthCmd: text("health check, in place of the image's: a line for its /bin/sh, words as JSON, or none", {
    value: 'COMMAND',
  }),
  healthInterval: text('time before the first health check, and between two (default: 30s)', { value: 'DURATION' }),
  healthTimeout: text('a health check that takes longer is killed, and has failed (default: 30s)', {
    value: 'DURATION',
  }),
  healthStartPeriod: text(
    'failed health checks do not count at first (default: 0s; with --ready=healthy the interval)',
    {
      value: 'DURATION',
    },
  ),
  healthStartInterval: text('interval in the start period (default: 5s; with --ready=healthy 1s)', {
    value: 'DURATION',
  }),
  healthRetries: text('failed health checks in a row that make the app unhealthy (default: 3)', { value: 'N' }),
  healthOnFailure: text('done about an unhealthy app: none (the default), restart, kill, or stop', {
    value: 'ACTION',
  }),
  noHealthcheck: toggle("as --health-cmd=none: without the image's health check"),
  reloadSignal: text(
    'signal that asks the app to read its configuration anew, when the unit is reloaded (default: SIGHUP, if the app catches it)',
    { value: 'SIGNAL' },
  ),
};
