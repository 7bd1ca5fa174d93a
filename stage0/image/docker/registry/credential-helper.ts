/** `docker-credential-NAME get` (docker-credential-helpers): asks a program for the credentials of a registry. */
import { errnoOf, PodctlError } from '#kernel/errors';
import { parseJson } from '../../json';
import { printable } from '../../verify/openpgp';
import type { RegistryCredentials } from './credentials';

export interface HelperWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** How long a helper may take; some ask a cloud. */
  readonly helperMs?: number;
}

const HELPER_MS = 30_000;
const MAX_OUTPUT = 64 * 1024;
const MAX_SHOWN = 300;
/** What a helper answers with a status of 1 if it knows nothing. */
const NOTHING = /credentials not found|no credentials/i;
/** Of a helper that has an identity token. */
const TOKEN_USER = '<token>';

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/**
 * @param helper the part of its name behind `docker-credential-` @param file that names it, for messages
 * @returns undefined if the helper knows nothing of this registry @throws PodctlError `credentials-failed`, `interrupted`
 */
export async function askHelper(
  helper: string,
  server: string,
  file: string,
  world: HelperWorld,
): Promise<RegistryCredentials | undefined> {
  const program = `docker-credential-${helper}`;
  const failed = (why: string, cause?: unknown): PodctlError =>
    new PodctlError('credentials-failed', `${program} (named in ${file}) ${why}`, { cause });
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(helper)) {
    throw new PodctlError('credentials-failed', `${file} names a credential helper that cannot be a program's name`);
  }
  const { status, output } = await run(program, server, world, failed);
  if (status !== 0) {
    if (NOTHING.test(output)) return undefined;
    throw failed(`ended with status ${status}: ${printable(output.trim().slice(0, MAX_SHOWN))}`);
  }
  return decode(output, failed);
}

function run(
  program: string,
  server: string,
  { env, signal, helperMs = HELPER_MS }: HelperWorld,
  failed: (why: string, cause?: unknown) => PodctlError,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // Loaded here and not before: few registries have a helper, and all pulls import this file.
    const { spawn } = process.getBuiltinModule('node:child_process');
    // Its stderr is for the person at the terminal: some ask for a touch of a key there.
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...env }, detached: true });
    let output = '';
    let size = 0;
    const end = (error: PodctlError): void => {
      settle();
      if (child.pid !== undefined && child.exitCode === null) kill(child.pid);
      child.stdout.destroy();
      reject(error);
    };
    const interrupted = (): void => end(new PodctlError('interrupted', `${program}: interrupted`));
    const timer = setTimeout(() => end(failed(`did not answer within ${helperMs / 1000} seconds`)), helperMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', interrupted);
    };
    signal?.addEventListener('abort', interrupted);
    child.on('error', (error) => end(failed(explain(error), error)));
    child.stdin.on('error', () => undefined); // ignored: a helper that does not read says by its status what it thinks
    child.stdin.end(`${server}\n`);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      size += text.length;
      if (size > MAX_OUTPUT) end(failed(`said more than ${MAX_OUTPUT} bytes`));
      else output += text;
    });
    child.on('close', (status) => {
      settle();
      resolve({ status, output });
    });
  });
}

/** With whatever it started: they are a group of their own. */
function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

const explain = (error: Error): string =>
  errnoOf(error) === 'ENOENT' ? 'is not in PATH' : `cannot be started: ${error.message}`;

function decode(output: string, failed: (why: string) => PodctlError): RegistryCredentials {
  let value: unknown;
  try {
    value = parseJson(Buffer.from(output));
  } catch {
    // ignored: the parser's message would quote from what is secret
    throw failed('did not answer with JSON');
  }
  const { Username: user, Secret: secret } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof user !== 'string' || typeof secret !== 'string') throw failed('answered without Username and Secret');
  return user === TOKEN_USER ? { kind: 'identity', token: secret } : { kind: 'basic', user, password: secret };
}
