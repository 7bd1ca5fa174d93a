/** Flags about an app's life. Pure data. */
import { text } from '../flag';

export const APP_LIFE_FLAGS = {
  restart: text('run the app again when it ends: never (the default), on-failure or always, and :MAX times in a row', {
    value: 'POLICY[:MAX]',
  }),
  restartDelay: text('wait before the first restart in a row, twice as long before each further one (default: 100ms)', {
    value: 'DURATION',
  }),
  after: text('start the app once these apps of the pod are ready', { value: 'APP,…' }),
  ready: text('the app is ready once it was executed (exec), or says so itself by sd_notify(3) (notify)', {
    value: 'HOW',
  }),
  stopSignal: text('signal that asks the app to end (default: SIGTERM)', { value: 'SIGNAL' }),
};
