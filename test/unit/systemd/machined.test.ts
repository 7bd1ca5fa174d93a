import assert from 'node:assert/strict';
import type { AbsPath, PodId } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import { decodeMessage, messageLength } from '../../../stage0/systemd/dbus/message';
import { isMachineName, machineMessages, machineName, unitOfMachine } from '../../../stage0/systemd/machined';

const pod = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9' as PodId;

describe('machine registration', () => {
  it('is one whole message, sent by the leader itself', () => {
    const bytes = Buffer.from(machineMessages({ name: 'web', pod, root: '/r' as AbsPath }), 'hex');
    assert.equal(messageLength(bytes), bytes.length);
    const { serial, member, body } = decodeMessage(bytes);
    assert.deepEqual([serial, member], [2, 'RegisterMachine']);
    const uuid = Buffer.from('0a1b2c3d4e5f60718293a4b5c6d7e8f9', 'hex');
    assert.deepEqual(body, ['web', uuid, 'podctl', 'container', 0, '/r']);
  });

  it("finds the unit in machined's record", () => {
    for (const [line, unit] of [
      ['SCOPE=web.service', 'web.service'],
      ['SCOPE="web@1.service"', 'web@1.service'],
      ['SCOPE="a\\\\x2db.service"', 'a\\x2db.service'],
      ['XSCOPE=web.service', undefined],
      ['SCOPE=', ''],
    ] as const) {
      assert.equal(unitOfMachine(`# private\nNAME=web\n${line}\nROOT=/r\n`), unit, line);
    }
  });

  it('knows the names that machined takes', () => {
    for (const name of ['web', 'Web-1.example.com', '0', 'a'.repeat(64), `podctl-${pod}`])
      assert.ok(isMachineName(name), name);
    for (const name of [
      '',
      'a_b',
      'a:b',
      'é',
      '-a',
      'a-',
      'a..b',
      '.a',
      'a.',
      'a.-b',
      'a/b',
      'a b',
      'a\n',
      'a'.repeat(65),
    ]) {
      assert.ok(!isMachineName(name), name);
      assert.throws(
        () => machineName(name),
        (error) => error instanceof PodctlError && error.code === 'invalid-name',
      );
    }
  });
});
