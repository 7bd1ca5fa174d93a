/** `podctl fetch` as it is installed, from a server on loopback. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { buildAci, imageIdOf } from '../../fixtures/aci';
import { testCertificate } from '../../fixtures/certificate';
import { file } from '../../fixtures/remote';
import { scratchDirectory } from '../../fixtures/scratch';
import { type Answer, content, Web } from '../../fixtures/web';

const PODCTL = path.join(__dirname, '../../../lib/podctl');

interface Run {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('podctl fetch', () => {
  const scratch = scratchDirectory();
  let web: Web;
  beforeEach(async () => {
    web = await Web.open();
  });
  afterEach(() => web.close());

  const image = (letter: string): Buffer =>
    buildAci({
      name: `example.com/${letter}`,
      files: [{ name: 'rootfs/' }, { name: 'rootfs/a', content: letter.repeat(500_000) }],
    });
  const url = (name: string): string => `https://localhost:${web.ports.https}/${name}.aci`;
  const serve = (name: string, answer: Answer): void => web.on(url(name), answer);

  /** @param whenStarted gets a function that sends podctl a signal */
  const podctl = (
    args: readonly string[],
    whenStarted: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
  ) =>
    new Promise<Run>((resolve) => {
      const etc = [`--local-config=${scratch()}/etc`, `--system-config=${scratch()}/usr`];
      const argv = [PODCTL, `--dir=${scratch()}/data`, ...etc, '--insecure-options=image', 'fetch', ...args];
      const child = spawn(process.execPath, argv, {
        env: { ...process.env, SSL_CERT_FILE: testCertificate().caFile },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stderr += chunk));
      child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
      whenStarted((signal) => child.kill(signal));
    });
  const downloads = (): readonly string[] => fs.readdirSync(`${scratch()}/data/downloads`);

  /** Sends half of it, and waits for ever; calls back when the client has had time to take it. */
  const stall = (bytes: Buffer, sent: () => void): Answer => {
    let stalled = false;
    return (request, response) => {
      if (stalled) return file(bytes)(request, response);
      stalled = true;
      response.writeHead(200, { etag: '"1"', 'content-length': bytes.length });
      response.write(bytes.subarray(0, 300_000), sent);
    };
  };
  /** Resolves when the client has written something to its part. */
  const partGrows = async (): Promise<void> => {
    for (;;) {
      const parts = fs.existsSync(`${scratch()}/data/downloads`) ? downloads() : [];
      if (parts.some((name) => !name.includes('.') && fs.statSync(`${scratch()}/data/downloads/${name}`).size > 0))
        return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  it('several at once: their IDs in the order of the arguments, nothing else', async () => {
    const letters = ['a', 'b', 'c', 'd', 'e'];
    for (const letter of letters) {
      // The first come last.
      const late = (letters.length - letters.indexOf(letter)) * 40;
      serve(letter, (...both) => void setTimeout(() => file(image(letter))(...both), late));
    }
    const run = await podctl(['--full', ...letters.map(url)]);
    assert.deepEqual(run, {
      status: 0,
      signal: null,
      stdout: letters.map((one) => `${imageIdOf(image(one))}\n`).join(''),
      stderr: '',
    });
  });

  it('--format=json: what happens, one object per line', async () => {
    serve('a', file(image('a')));
    const { stdout } = await podctl(['--format=json', url('a')]);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const kinds = events.map(({ event }) => event).filter((event) => event !== 'progress');
    assert.deepEqual(kinds, ['downloading', 'stored', 'done']);
    assert.deepEqual(events.at(-1), { event: 'done', image: url('a'), id: imageIdOf(image('a')) });
    assert.equal(events.filter(({ event }) => event === 'progress').at(-1)?.done, image('a').length);
  });

  it('one that fails: 254, after those before it were told', async () => {
    serve('a', file(image('a')));
    const { status, stdout, stderr } = await podctl([url('a'), url('gone')]);
    assert.deepEqual([status, stdout.length], [254, 'sha512-'.length + 33]);
    assert.match(stderr, /^podctl: fetch: fetch-status: https:\/\/localhost:\d+\/gone\.aci: .*404\n$/);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} leaves a part that the next run completes, and no lock`, async () => {
      let kill: (signal: NodeJS.Signals) => void = () => undefined;
      serve(
        'a',
        stall(image('a'), () => void partGrows().then(() => kill(signal))),
      );
      const { status, stderr } = await podctl([url('a')], (own) => {
        kill = own;
      });
      assert.equal(status, 254);
      assert.match(stderr, /interrupted/);
      assert.equal(downloads().length, 2);
      assert.equal((await podctl([url('a')])).status, 0);
      assert.match(web.asked[1]?.headers.range ?? '', /^bytes=[1-9]/);
      assert.deepEqual(downloads(), []);
    });
  }

  it('SIGKILL in the middle: the next run asks only for the rest', async () => {
    let kill: (signal: NodeJS.Signals) => void = () => undefined;
    serve(
      'a',
      stall(image('a'), () => void partGrows().then(() => kill('SIGKILL'))),
    );
    const { signal } = await podctl([url('a')], (own) => {
      kill = own;
    });
    assert.equal(signal, 'SIGKILL');
    const run = await podctl(['--full', url('a')]);
    assert.deepEqual([run.status, run.stdout], [0, `${imageIdOf(image('a'))}\n`]);
    assert.match(web.asked[1]?.headers.range ?? '', /^bytes=[1-9]/);
    assert.deepEqual(downloads(), []);
  });

  it('reads credentials of auth.d, and keeps them out of messages', async () => {
    const auth = {
      podctlKind: 'auth',
      podctlVersion: 'v1',
      domains: [`localhost:${web.ports.https}`],
      type: 'basic',
      credentials: { user: 'me', password: 'hunter2' },
    };
    fs.mkdirSync(`${scratch()}/etc/auth.d`, { recursive: true });
    fs.writeFileSync(`${scratch()}/etc/auth.d/a.json`, JSON.stringify(auth));
    serve('a', content('', {}, 401));
    const { stderr } = await podctl(['--debug', url('a')]);
    assert.equal(web.asked[0]?.headers.authorization, `Basic ${Buffer.from('me:hunter2').toString('base64')}`);
    assert.match(stderr, /401/);
    assert.doesNotMatch(stderr, /hunter2|aHVudGVy/);
  });

  it('refuses flags that contradict each other', async () => {
    assert.match((await podctl(['--store-only', '--pull-policy=update', 'example.com/a'])).stderr, /contradict/);
    assert.match((await podctl(['--store-only', 'example.com/a'])).stderr, /image-not-found/);
  });
}).timeout(30_000);
