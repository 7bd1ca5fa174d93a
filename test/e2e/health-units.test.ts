/** Units that wait for the health of an app: a pod in a unit of the user's, and what comes after it and depends on it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { until } from '../rig/rig';
import { helloImage, OwnUnits } from '../rig/suite';
import { skip } from '../runner/skip';

const DB = 't-db.service';
const WEB = 't-web.service';

describe('units and the health of apps', () => {
  const own = new OwnUnits(helloImage);

  const DIR = '/tmp/own';
  /** A pod whose check looks for a file that this test makes. */
  const database = (lines: readonly string[], ...flags: string[]): string => {
    const directory = `${own.rig.root}/shared`;
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(directory);
    own.units.pod(
      DB,
      [
        `--volume=own,kind=host,source=${directory}`,
        own.image,
        ...['--name=db', `--mount=volume=own,target=${DIR}`, '--exec=/bin/sh', '--ready=healthy'],
        ...[`--health-cmd=echo looking; test -e ${DIR}/well`, '--health-interval=50ms', '--health-start-interval=50ms'],
        ...flags,
        ...['--', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'],
      ],
      lines,
    );
    const needs = [`Requires=${DB}`, `After=${DB}`];
    own.units.write(WEB, ['[Unit]', ...needs, '[Service]', 'ExecStart=/bin/sleep 1000', ''].join('\n'));
    return `${directory}/well`;
  };
  const stateIs = (unit: string, state: string): Promise<boolean> =>
    until(() => (own.units.show(unit, 'ActiveState') === state ? true : undefined), `${unit} to be ${state}`);
  const health = (): string | undefined => {
    const pods = JSON.parse(own.rig.ok('list', '--format=json')) as { apps: { health: { state: string } | null }[] }[];
    return pods[0]?.apps[0]?.health?.state;
  };

  it('a unit starts once the app that it needs is healthy', async () => {
    const file = database([], '--health-start-period=1h');
    assert.equal(own.units.systemctl('start', '--no-block', WEB).status, 0);
    await until(() => (health() === 'starting' ? true : undefined), 'the pod');
    assert.equal(own.units.show(DB, 'ActiveState'), 'activating');
    assert.equal(own.units.show(WEB, 'ActiveState'), 'inactive');
    fs.writeFileSync(file, '');
    await stateIs(WEB, 'active');
    assert.equal(own.units.show(DB, 'StatusText'), '1/1 apps ready');
    // Later it is told, and nothing is done about it.
    fs.rmSync(file);
    await until(
      () => (own.units.show(DB, 'StatusText') === '0/1 apps ready, 1 unhealthy' ? true : undefined),
      'STATUS=',
    );
    assert.deepEqual([own.units.show(DB, 'ActiveState'), own.units.show(WEB, 'ActiveState')], ['active', 'active']);
  });

  it('one that is never healthy fails its unit, and no other starts', async () => {
    database(['TimeoutStartSec=1s'], '--health-start-period=0');
    const { status, stderr } = own.units.systemctl('start', WEB);
    assert.equal(status, 1);
    assert.match(stderr, /dependency/i);
    await stateIs(DB, 'failed');
    assert.equal(own.units.show(DB, 'Result'), 'timeout');
    assert.equal(own.units.show(WEB, 'ActiveState'), 'inactive');
  });

  it('stop or kill hand an unhealthy app to the Restart= of the unit', async () => {
    // Long enough for the test to make it well again after the restart.
    const more = ['--health-on-failure=stop', '--health-start-period=1h'];
    const file = database(['Restart=on-failure', 'RestartSec=10ms'], ...more);
    fs.writeFileSync(file, '');
    own.units.start(DB);
    fs.rmSync(file);
    await until(() => (own.units.show(DB, 'NRestarts') === '1' ? true : undefined), 'the restart');
    fs.writeFileSync(file, '');
    await stateIs(DB, 'active');
    assert.equal(health(), 'healthy');
    assert.match(own.units.journal(DB), /Main process exited, code=exited, status=1/);
  });

  it('a unit that was frozen has not failed', async function () {
    const file = database([], '--health-timeout=500ms', '--health-retries=1');
    fs.writeFileSync(file, '');
    own.units.start(DB);
    if (own.units.systemctl('freeze', DB).status !== 0) skip(this, 'the kernel or the host has no freezer');
    await new Promise((resolve) => setTimeout(resolve, 2500)); // several times what a check may take
    assert.equal(own.units.systemctl('thaw', DB).status, 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(health(), 'healthy');
    assert.doesNotMatch(own.units.journal(DB), /is unhealthy/);
  });
});
