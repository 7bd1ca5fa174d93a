/** A start without Node that is killed at any moment, or finds its record full of anything. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { Again, IDLE, RECORD, UNIT } from '../rig/replay';
import { command, output } from '../rig/rig';
import { helloImage, OwnUnits } from '../rig/suite';

interface Moment {
  readonly call: string;
  /** How often it is made until then. */
  readonly n: number;
  readonly text: string;
}

/** Calls that leave something behind, in a file system or with somebody else. */
const CHANGES =
  /^(?:(?:mkdirat|renameat2|unlinkat|symlinkat|utimensat|write|fchownat|fchmodat|sendto|execve)\(|openat2\(.*O_CREAT)/;

describe('a start without Node', () => {
  const own = new OwnUnits(helloImage);
  const again = new Again(own);
  const { restart, running, script, startAndSettle } = again;

  /** Has strace look on, from beside: what it executes keeps the process, which is the unit's main one. */
  const traced = (...options: readonly string[]): void => {
    const strace = ['/usr/bin/strace', '-D', '-qq', ...options].join(' ');
    again.dropIn('ExecStart=', `ExecStart=${strace} ${again.line(...script(IDLE))}`);
  };

  /** Its changes until the executor is executed; of those that differ in numbers only, the first and the last. */
  const moments = (): readonly Moment[] => {
    const log = `${own.rig.root}/strace`;
    traced('-o', log);
    assert.equal(restart(), false);
    const lines = fs.readFileSync(log, 'utf8').split('\n');
    const end = lines.findIndex((line) => /^execve\(.*podctl-stage1"/.test(line));
    assert.ok(end > 0);
    const counts = new Map<string, number>();
    const sites = new Map<string, Moment[]>();
    for (const text of lines.slice(1, end)) {
      const call = /^[a-z0-9_]+/.exec(text)?.[0] ?? '';
      const n = (counts.get(call) ?? 0) + 1;
      counts.set(call, n);
      if (!CHANGES.test(text)) continue;
      const site = text
        .replace(/ = .*$/, '')
        .replace(/[0-9a-f-]{8,}|\d+/g, '#')
        .slice(0, 90);
      sites.set(site, [...(sites.get(site) ?? []), { call, n, text }]);
    }
    const chosen = [...sites.values()].flatMap((all) => [...new Set([all[0], all.at(-1)])]);
    return chosen.filter((moment) => moment !== undefined);
  };

  it('may be killed at every system call that changes something', function () {
    this.timeout(300_000);
    again.write(script(IDLE));
    startAndSettle();
    const all = moments();
    assert.ok(all.length > 20, `${all.length} moments`);
    for (const { call, n, text } of all) {
      again.dropIn();
      if (restart()) assert.equal(restart(), false); // a record of the last start but one is of no use
      const before = again.nodeStarts();
      traced('-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${n}`);
      assert.notEqual(own.units.systemctl('restart', UNIT).status, 0, text);
      assert.equal(own.units.show(UNIT, 'Result'), 'signal', text);
      assert.equal(again.nodeStarts(), before, text);
      again.dropIn();
      own.units.start(UNIT);
      const pod = running();
      assert.equal(fs.readlinkSync(`${own.rig.dataDir}/names/t-again`), pod, text);
    }
    // What was killed before it had a name is gc's, a minute later.
    const left = again.pods().filter(({ state }) => state !== 'running' && state !== 'embryo');
    own.rig.ok('gc', '--grace-period=0s');
    assert.deepEqual(
      again.pods().filter(({ state }) => state !== 'running' && state !== 'embryo'),
      [],
      JSON.stringify(left),
    );
    own.rig.ok('store', 'check');
  });

  it('takes no harm from a record of any content', () => {
    again.write(script(IDLE));
    startAndSettle();
    const record = fs.readFileSync(RECORD);
    // In the cgroup of this process, which is nobody's main one: it can get as far as to ask systemd.
    const cgroup = /^0::(.*)$/m.exec(fs.readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '';
    const recordOfOurs = `/run/podctl/replay/${cgroup.replaceAll('/', '|')}`;
    const home = `${own.rig.root}/fuzzed`;
    fs.mkdirSync(`${home}/lib`, { recursive: true });
    fs.copyFileSync(again.program, `${home}/podctl`);
    fs.writeFileSync(`${home}/lib/podctl`, '#!/bin/sh\nexit 77\n', { mode: 0o755 });
    const start = `SYSTEMD_EXEC_PID=$$ INVOCATION_ID=${'0'.repeat(32)} exec ${home}/podctl run x`;
    const before = output('find', `${own.rig.dataDir}/pods`, '-printf', '%p %i\\n');
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed % below;
    };
    try {
      for (let round = 0; round < 300; round += 1) {
        const bytes = Buffer.from(record);
        for (let change = 0; change <= random(8); change += 1) bytes[random(bytes.length)] = random(256);
        const lines = bytes.toString('latin1').split('\n');
        for (let change = 0; change < random(3); change += 1) lines.splice(random(lines.length), 1);
        if (random(4) === 0) lines.push(lines[random(lines.length)] ?? '', '');
        const text = lines.join('\n');
        fs.writeFileSync(recordOfOurs, text.slice(0, random(3) === 0 ? random(text.length) : text.length), 'latin1');
        const { status, signal } = command(['sh', '-c', start]);
        assert.deepEqual([status, signal], [77, null], `round ${round}`);
      }
    } finally {
      fs.rmSync(recordOfOurs, { force: true });
    }
    assert.equal(output('find', `${own.rig.dataDir}/pods`, '-printf', '%p %i\\n'), before);
  });
});
