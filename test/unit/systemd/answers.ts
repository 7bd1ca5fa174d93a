/** Messages as a bus would send them. */
import { marshal } from '../../../stage0/systemd/dbus/marshal';
import type { Message } from '../../../stage0/systemd/dbus/message';
import type { Value } from '../../../stage0/systemd/dbus/signature';

type Field = readonly [code: number, signature: string, value: Value];

const NAME_OF_SYSTEMD = ':1.0';

function encode(type: number, fields: readonly Field[], signature: string, values: readonly Value[]): Buffer {
  const body = marshal(signature, values);
  const all: readonly Field[] = signature === '' ? fields : [...fields, [8, 'g', signature]];
  const variants = all.map(([code, of, value]) => [code, { signature: of, value }]);
  const header = marshal('yyyyuua(yv)', [0x6c, type, 1, 1, body.length, 999, variants]);
  return Buffer.concat([header, Buffer.alloc(-header.length & 7), body]);
}

export const reply = (to: Message, signature: string, body: readonly Value[]): Buffer =>
  encode(
    2,
    [
      [5, 'u', to.serial],
      [7, 's', NAME_OF_SYSTEMD],
    ],
    signature,
    body,
  );

export const error = (to: Message, name: string, message: string): Buffer =>
  encode(
    3,
    [
      [4, 's', name],
      [5, 'u', to.serial],
      [7, 's', NAME_OF_SYSTEMD],
    ],
    's',
    [message],
  );

export interface SignalNames {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

export const signal = (
  names: SignalNames,
  signature: string,
  body: readonly Value[],
  sender = NAME_OF_SYSTEMD,
): Buffer =>
  encode(
    4,
    [
      [1, 'o', names.path],
      [2, 's', names.interface],
      [3, 's', names.member],
      [7, 's', sender],
    ],
    signature,
    body,
  );
