/** D-Bus server addresses (D-Bus specification, "Server Addresses"): `unix:path=/run/x,guid=…;tcp:…`. */

const DEFAULT_PATH = '/run/dbus/system_bus_socket';

/** The socket of the system bus as net.connect() takes it (an abstract one begins with NUL), or undefined. */
export function systemBusSocket(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const address = env['DBUS_SYSTEM_BUS_ADDRESS'];
  return address === undefined || address === '' ? DEFAULT_PATH : unixSocket(address);
}

/** The first AF_UNIX socket that an address names, or undefined. */
export function unixSocket(address: string): string | undefined {
  for (const alternative of address.split(';')) {
    if (!alternative.startsWith('unix:')) continue;
    const pairs = alternative.slice('unix:'.length).split(',');
    const values = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), unquoted(pair)]));
    const abstract = values.get('abstract');
    const socket = values.get('path') ?? (abstract === undefined ? undefined : `\0${abstract}`);
    if (socket !== undefined) return socket;
  }
  return undefined;
}

/** The value of `key=value`, whose bytes outside `[-0-9A-Za-z_/.\*]` are `%XX`. */
const unquoted = (pair: string): string =>
  pair.slice(pair.indexOf('=') + 1).replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => {
    return Buffer.from(run.replaceAll('%', ''), 'hex').toString();
  });
