/** What a pod's unit is given by systemd, and its apps get of it: sockets, credentials, the watchdog. */
import { type Op, op } from './op';
import { type AppSpec, hostId, type PodSpec } from './spec';

/** Where an app finds the unit's credentials: in its own /dev, where no image and no volume is in the way. */
export const CREDENTIALS = '/dev/podctl-credentials';

const copiesOf = (app: AppSpec): string => `/credentials/${app.name}`;

/** Each app's user has copies of its own: the originals are root's, and the host's root is not that of every pod. */
export const podCredentials = ({ service, apps, users }: PodSpec): readonly Op[] =>
  service === undefined || service.credentials.length === 0
    ? []
    : apps.flatMap((app) => {
        const { uid, gid } = app.identity;
        const owner = [String(hostId(users, uid)), String(hostId(users, gid))];
        return [
          // ramfs is never swapped to a disk.
          op('mount', 'ramfs', copiesOf(app), 'mode=0500', '-', 'nosuid', 'nodev', 'noexec'),
          op('credentials', copiesOf(app), ...owner, ...service.credentials),
        ];
      });

/** Behind the app's /dev. @param joins it joins a running pod: the unit's credentials are out of reach then */
export const appCredentials = ({ service }: PodSpec, app: AppSpec): readonly Op[] =>
  service === undefined || service.credentials.length === 0
    ? []
    : [op('bind', copiesOf(app), CREDENTIALS, 'ro', 'nosuid', 'nodev', 'noexec')];

/** What the image sets of the same name does not count. */
export function serviceVariables({ service }: PodSpec, { life }: AppSpec): readonly Op[] {
  if (service === undefined) return [];
  const { credentials, watchdogUs } = service;
  return [
    ...(credentials.length === 0 ? [] : [op('env', `CREDENTIALS_DIRECTORY=${CREDENTIALS}`)]),
    // Without WATCHDOG_PID it is for whoever reads it (sd_watchdog_enabled(3)).
    ...(watchdogUs === undefined || life.ready !== 'notify' ? [] : [op('env', `WATCHDOG_USEC=${watchdogUs}`)]),
  ];
}

/** LISTEN_PID and its like are the executor's to set. */
export const appSockets = ({ sockets = [] }: AppSpec): readonly Op[] =>
  sockets.length === 0 ? [] : [op('listen', ...sockets.flatMap(({ fd, name }) => [String(fd), name]))];

/** Variables of sd_listen_fds(3), which an image may have set and that would lead the app astray. */
export const isListenVariable = (name: string): boolean => /^LISTEN_(PID|FDS|FDNAMES|PIDFDID)$/.test(name);
