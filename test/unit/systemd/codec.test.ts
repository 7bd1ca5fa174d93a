import assert from 'node:assert/strict';
import { Message, type MessageBus, sessionBus, Variant as TheirVariant } from 'dbus-next';
import fc from 'fast-check';
import { marshal } from '../../../stage0/systemd/dbus/marshal';
import { decodeMessage, encodeCall, messageLength } from '../../../stage0/systemd/dbus/message';
import { parseSignature, type Value } from '../../../stage0/systemd/dbus/signature';
import { unmarshal } from '../../../stage0/systemd/dbus/unmarshal';
import { type Peer, startPeer } from './peer';

interface Sample {
  readonly signature: string;
  readonly value: Value;
}

/** No lone surrogates and no NUL: neither has a place in a D-Bus string. */
const text = fc.string({ unit: 'binary' }).map((s) => s.replaceAll('\0', '·'));
const range = (signature: string, min: number, max: number) => sample(signature, fc.integer({ min, max }));
const sample = (signature: string, values: fc.Arbitrary<Value>) =>
  values.map((value): Sample => ({ signature, value }));

const basic = fc.oneof(
  sample('s', text),
  sample('b', fc.boolean()),
  range('y', 0, 255),
  range('n', -32_768, 32_767),
  range('q', 0, 65_535),
  range('i', -(2 ** 31), 2 ** 31 - 1),
  range('u', 0, 2 ** 32 - 1),
  // dbus-next refuses the smallest x there is
  sample('x', fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n })),
  sample('t', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  sample('d', fc.double({ noNaN: true, noDefaultInfinity: true })),
  sample('ay', fc.uint8Array().map(Buffer.from)),
  sample('as', fc.array(text)),
  sample('a(sasb)', fc.array(fc.tuple(text, fc.array(text), fc.boolean()))),
  sample('aay', fc.array(fc.uint8Array().map(Buffer.from))),
  sample('(aiai)', fc.tuple(fc.array(fc.integer()), fc.array(fc.integer()))),
);

/** Any value in a variant, as the properties of units are; variants in variants, too. */
const anything = fc.letrec<{ node: Sample }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    basic,
    tie('node').map(({ signature, value }): Sample => ({ signature: 'v', value: { signature, value } })),
    fc.array(tie('node'), { minLength: 1, maxLength: 4 }).map(
      (parts): Sample => ({
        signature: `(${parts.map(({ signature }) => signature).join('')})`,
        value: parts.map(({ value }) => value),
      }),
    ),
    fc.array(fc.tuple(text, tie('node')), { maxLength: 4 }).map(
      (entries): Sample => ({
        signature: 'a(sv)',
        value: entries.map(([key, { signature, value }]) => [key, { signature, value }]),
      }),
    ),
  ),
})).node;

/** Our value as dbus-next wants to have it: its own class for variants. */
function theirs(value: Value): unknown {
  if (Array.isArray(value)) return value.map(theirs);
  if (typeof value !== 'object' || value instanceof Uint8Array) return value;
  const { signature, value: inner } = value as { signature: string; value: Value };
  return new TheirVariant(signature, theirs(inner));
}

describe('D-Bus codec', () => {
  it('decodes what it encoded', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 4 }), (samples) => {
        const signature = samples.map((one) => one.signature).join('');
        fc.pre(signature.length <= 255);
        const values = samples.map((one) => one.value);
        assert.deepEqual(unmarshal(signature, marshal(signature, values)), values);
      }),
    );
  });

  it('makes the bytes that the specification asks for', () => {
    const bytes = marshal('ya(sv)', [7, [['A', { signature: 't', value: 5n }]]]);
    const expected = [
      '07 00 00 00',
      '18 00 00 00',
      '01 00 00 00 41 00',
      '01 74 00',
      '00'.repeat(7),
      '05',
      '00'.repeat(7),
    ];
    assert.equal(bytes.toString('hex'), expected.join('').replaceAll(' ', ''));
  });

  it('pads an empty array to the alignment of its elements', () => {
    assert.equal(marshal('a(st)y', [[], 9]).toString('hex'), '000000000000000009');
  });

  it('makes the messages that the specification asks for', () => {
    const call = encodeCall({ destination: 'a.b', path: '/', interface: 'c.d', member: 'E' }, 1);
    const fields = [
      '01016f00' + '01000000' + '2f00' + '000000000000',
      '06017300' + '03000000' + '612e6200' + '00000000',
      '02017300' + '03000000' + '632e6400' + '00000000',
      '03017300' + '01000000' + '4500',
    ];
    assert.equal(call.toString('hex'), `6c010001${'00000000'}01000000${'3a000000'}${fields.join('')}000000000000`);
    assert.equal(messageLength(call), call.length);
  });

  it('reads big-endian messages', () => {
    assert.deepEqual(unmarshal('us', Buffer.from('0000000100000002686900', 'hex'), false), [1, 'hi']);
  });

  for (const [why, signature, value] of [
    ['a number beyond its type', 'y', 256],
    ['a negative unsigned number', 'u', -1],
    ['a fraction', 'i', 1.5],
    ['a bigint beyond its type', 't', 2n ** 64n],
    ['a number where 64 bits are wanted', 't', 1],
    ['text with NUL', 's', 'a\0b'],
    ['a struct with a field too few', '(ss)', ['a']],
    ['no array', 'as', 'a'],
    ['no variant', 'v', 's'],
    ['a variant of two types', 'v', { signature: 'ss', value: 's' }],
  ] as const) {
    it(`refuses to encode ${why}`, () => {
      assert.throws(() => marshal(signature, [value as Value]), TypeError);
    });
  }

  for (const signature of ['(', '()', 'a', 'a{s}', '{sss}', 'z', ')', 's'.repeat(256), `${'a'.repeat(200)}s`]) {
    it(`refuses the signature ${signature.slice(0, 8)}`, () => {
      assert.throws(() => parseSignature(signature), TypeError);
    });
  }

  it('answers damaged bytes with an error', () => {
    const body = [[['x', { signature: 'as', value: ['y'] }]], 1, true];
    const whole = marshal('a(sv)ub', body);
    assert.deepEqual(unmarshal('a(sv)ub', whole), body);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        for (const bytes of [damaged, damaged.subarray(0, at)]) {
          try {
            unmarshal('a(sv)ub', bytes);
          } catch (error) {
            assert.ok(error instanceof RangeError || error instanceof TypeError, String(error));
          }
        }
      }),
    );
  });
});

describe('D-Bus codec beside dbus-next', () => {
  let peer: Peer;
  let reference: MessageBus;
  const destination = { destination: 'a.b', path: '/x', interface: 'c.d' };

  before(async () => {
    peer = await startPeer();
    reference = sessionBus({ busAddress: `unix:path=${peer.socket}` });
    await peer.next(); // Hello
  });
  after(() => {
    reference.disconnect();
    peer.close();
  });

  it('decodes what dbus-next encoded, and dbus-next what it encoded', async () => {
    await fc.assert(
      fc.asyncProperty(anything, async ({ signature, value }) => {
        fc.pre(signature.length <= 255);
        const arrived = new Promise<Message>((resolve) => reference.once('message', resolve));
        peer.send(encodeCall({ ...destination, member: 'FromUs', signature, body: [value] }, 77));
        assert.deepEqual((await arrived).body, [theirs(value)]);

        reference.send(new Message({ ...destination, member: 'FromThem', signature, body: [theirs(value)] }));
        let message = decodeMessage(await peer.next());
        while (message.member !== 'FromThem') message = decodeMessage(await peer.next());
        assert.deepEqual(message.body, [value]);
      }),
    );
  });
});
