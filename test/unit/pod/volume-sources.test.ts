import assert from 'node:assert/strict';
import fs from 'node:fs';
import { PodctlError } from '#kernel/errors';
import type { RuntimeApp } from '../../../stage0/pod/manifest';
import { volumeSpecs } from '../../../stage0/pod/volume-sources';
import { native } from '../../../stage1/native/index';
import { scratchDirectory } from '../../fixtures/scratch';
import { whileSwapped } from '../../fixtures/swapper';

describe('sources of volumes on the host (appc V8, V10, V11)', () => {
  const place = scratchDirectory();
  const look = (source: string): void => {
    const apps = [{ name: 'app', mounts: [{ volume: 'v', path: '/v' }] }] as unknown as readonly RuntimeApp[];
    volumeSpecs(apps, [{ name: 'v', kind: 'host', source }] as Parameters<typeof volumeSpecs>[1], native());
  };

  it('names the link on the way, and where it leads', () => {
    const at = fs.realpathSync(place());
    fs.mkdirSync(`${at}/named/sub`, { recursive: true });
    fs.symlinkSync('named', `${at}/alias`);
    assert.throws(() => look(`${at}/alias/sub`), {
      code: 'volume-source-symlink',
      message: `volume "v": ${at}/alias is a symbolic link on the way to ${at}/alias/sub`,
      hint: `name ${at}/named/sub, or allow links with follow=true`,
    });
  });

  it('is looked at, or refused by name, while it changes', async () => {
    const at = fs.realpathSync(place());
    for (const name of ['dir', 'other']) fs.mkdirSync(`${at}/${name}/sub`, { recursive: true });
    fs.symlinkSync('other', `${at}/link`);
    const seen = new Set<string>();
    await whileSwapped(at, () => {
      for (let i = 0; i < 20_000; i += 1) {
        try {
          look(`${at}/dir/sub`);
          seen.add('looked at');
        } catch (error) {
          seen.add(error instanceof PodctlError ? error.code : String(error));
        }
      }
    });
    const answers = ['looked at', 'volume-source-missing', 'volume-source-symlink'];
    assert.deepEqual(
      [...seen].filter((answer) => !answers.includes(answer)),
      [],
    );
  });
});
