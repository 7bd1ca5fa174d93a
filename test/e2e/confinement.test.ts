/** Devices, labels and traffic of a pod on systemd, as its apps meet them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { busyboxAci } from '../fixtures/aci';
import { needsHost, output, Rig } from '../rig/rig';
import { skip } from '../runner/skip';

describe('confinement of apps', () => {
  let rig: Rig;
  let image: string;

  before(function () {
    needsHost(this);
    rig = new Rig();
    image = rig.write('box.aci', busyboxAci({ name: 'example.com/box', exec: ['/bin/sh'] }));
  });
  after(() => rig?.dispose());

  const run = (script: string, flags: readonly string[] = [], insecure = 'image', file = image) =>
    rig.podctl(`--insecure-options=${insecure}`, 'run', '--net=none', file, ...flags, '--', '-c', script);
  const withIsolator = (name: string, isolator: string, value: unknown): string =>
    rig.write(
      `${name}.aci`,
      busyboxAci({ name: `example.com/${name}`, exec: ['/bin/sh'], app: { isolators: [{ name: isolator, value }] } }),
    );
  const devices = (name: string, value: unknown): string => withIsolator(name, 'podctl/devices', value);

  describe('devices', () => {
    const MAKE = 'mknod /tmp/node c 10 229 && echo made; cat /tmp/node 2>&1 | head -c 60';

    it('are the default ones, and no other can be made or opened', () => {
      const { stdout, stderr } = run(
        `head -c 2 /dev/zero | wc -c; echo x >/dev/null && echo null; ls /dev/fuse; ${MAKE}`,
      );
      assert.deepEqual(stdout.split('\n').slice(0, 2), ['2', 'null']);
      assert.doesNotMatch(stdout, /made/);
      assert.match(stderr, /\/dev\/fuse: No such file/);
      assert.match(stderr, /mknod: .*Operation not permitted/);
    });

    it('--device shows the node and lets the app open it, as far as it says', function () {
      if (!fs.existsSync('/dev/fuse')) skip(this, 'this host has no /dev/fuse');
      const both = run('exec 3<>/dev/fuse && echo open; ls -l /dev/fuse', ['--device=/dev/fuse']);
      assert.match(both.stdout, /^open\nc.* 10, 229 .*\/dev\/fuse\n$/, both.stderr);
      const reading = run('exec 3</dev/fuse && echo read; (exec 3<>/dev/fuse) && echo write', ['--device=/dev/fuse:r']);
      assert.equal(reading.stdout, 'read\n');
      assert.match(reading.stderr, /fuse: Operation not permitted/);
    });

    it('rules of an isolator hold over the default ones, and for one app only', () => {
      const allowed = devices('allowed', { rules: ['c 10:229 rm'] });
      const { stdout, stderr } = rig.podctl(
        '--insecure-options=image',
        'run',
        '--net=none',
        allowed,
        '--',
        '-c',
        'mknod /tmp/node c 10 229 && echo made; (exec 3<>/tmp/node) || echo refused; head -c 1 /dev/zero | wc -c',
        '---',
        image,
        '--',
        '-c',
        'mknod /tmp/node c 10 229 || echo other refused',
      );
      assert.deepEqual(stdout.trim().split('\n').sort(), ['1', 'made', 'other refused', 'refused'], stderr);
    });

    it('a volume that is a device is for those that mount it, also beside rules', function () {
      if (!fs.existsSync('/dev/fuse')) skip(this, 'this host has no /dev/fuse');
      const open = (what: string): string[] => [
        '--',
        '-c',
        `test -c /fuse && (exec 3<>/fuse) && echo ${what}; mknod /tmp/n c 10 229 || echo ${what} refused`,
      ];
      const { stdout, stderr } = rig.podctl(
        '--insecure-options=image',
        'run',
        '--net=none',
        '--volume=fuse,kind=host,source=/dev/fuse',
        image,
        '--name=one',
        '--mount=volume=fuse,target=/fuse',
        ...open('one'),
        '---',
        image,
        '--name=two',
        ...open('two'),
        '---',
        devices('ruled', { rules: ['c 1:11 r'] }),
        '--mount=volume=fuse,target=/fuse',
        ...open('ruled'),
      );
      assert.deepEqual(
        stdout.trim().split('\n').sort(),
        ['one', 'one refused', 'ruled', 'ruled refused', 'two refused'],
        stderr,
      );
    });

    it('every major is allowed by one rule', () => {
      const all = devices('all', { rules: ['c *:* rwm'] });
      assert.match(run('mknod /tmp/node c 10 229 && echo made', [], 'image', all).stdout, /made/);
    });

    for (const [flag, message] of [
      ['/dev/nowhere', /\/dev\/nowhere is no device of this host/],
      ['/dev/shm', /is no device of this host/],
      ['/etc/passwd', /not the path of a device below \/dev/],
      ['/dev/../etc/passwd', /not the path of a device below \/dev/],
      ['/dev/null:rx', /not the path of a device below \/dev/],
      ['/dev/null:rr', /an access is named twice/],
    ] as const) {
      it(`refuses --device=${flag}, and leaves nothing`, () => {
        const before = rig.leftovers();
        const { status, stderr } = run('echo never', [`--device=${flag}`]);
        assert.equal(status, 254);
        assert.match(stderr, message);
        assert.deepEqual(rig.leftovers(), before);
      });
    }

    it('a device that is not there is left out with --insecure-options=isolators', () => {
      const { status, stdout, stderr } = run('echo fine', ['--device=/dev/nowhere'], 'image,isolators');
      assert.deepEqual([status, stdout], [0, 'fine\n']);
      assert.match(stderr, /podctl\/devices ignored: \/dev\/nowhere is no device of this host/);
    });
  });

  describe('labels', () => {
    it('I13 a profile that is not loaded is refused with the reason, and so is one where nobody enforces it', () => {
      const image13 = withIsolator('apparmor', 'os/linux/apparmor-profile', { profile: 'podctl-no-such-profile' });
      const { status, stderr } = run('echo never', [], 'image', image13);
      assert.equal(status, 254);
      assert.match(stderr, /isolator-unenforceable: .*(does not enforce AppArmor|is not loaded on this host)/);
      const anyway = run('echo fine', [], 'image,isolators', image13);
      assert.equal(anyway.stdout, 'fine\n');
      assert.match(anyway.stderr, /apparmor-profile ignored/);
    });

    it('a SELinux context is refused where SELinux is off', function () {
      if (fs.existsSync('/sys/fs/selinux/enforce')) skip(this, 'SELinux is on here');
      const value = { user: 'system_u', role: 'system_r', type: 'svirt_t', level: 's0' };
      const { status, stderr } = run(
        'echo never',
        [],
        'image',
        withIsolator('selinux', 'os/linux/selinux-context', value),
      );
      assert.equal(status, 254);
      assert.match(stderr, /isolator-unenforceable: .*this host does not enforce SELinux/);
    });
  });

  describe('resource/network-bandwidth', () => {
    const RATE = 1_000_000;
    const limited = () => withIsolator('slow', 'resource/network-bandwidth', { default: true, limit: String(RATE) });

    it("is refused in the host's network, whose interfaces are not the pod's", () => {
      const { status, stderr } = rig.podctl(
        '--insecure-options=image',
        'run',
        '--net=host',
        limited(),
        '--',
        '-c',
        'echo never',
      );
      assert.equal(status, 254);
      assert.match(stderr, /isolator-unenforceable: .*network-bandwidth: the pod uses the host's network/);
      const anyway = rig.podctl(
        '--insecure-options=image,isolators',
        'run',
        '--net=host',
        limited(),
        '--',
        '-c',
        'echo fine',
      );
      assert.equal(anyway.stdout, 'fine\n');
      assert.match(anyway.stderr, /network-bandwidth ignored/);
    });

    it('I2 an app is told that it limits all of its pod, and one without a network runs', () => {
      const { status, stdout, stderr } = run('echo fine', [], 'image', limited());
      assert.deepEqual([status, stdout], [0, 'fine\n']);
      assert.match(stderr, /network-bandwidth adjusted: the apps of a pod share its interfaces/);
    });
  });

  it('shows the device rules on the unit', function () {
    if (!fs.existsSync('/dev/fuse')) skip(this, 'this host has no /dev/fuse');
    const uuid = rig
      .ok(
        '--insecure-options=image',
        'run',
        '--net=none',
        '--detach',
        image,
        '--device=/dev/fuse:rw',
        '--',
        '-c',
        'sleep 1000',
      )
      .trim();
    const allow = output('systemctl', 'show', '--value', '-p', 'DeviceAllow', `podctl-${uuid}.service`);
    rig.ok('stop', '--force', uuid);
    assert.match(allow, /\/dev\/char\/10:229 rw/);
  });
});
