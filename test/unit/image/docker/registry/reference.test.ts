import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isAcIdentifier } from '#kernel/brand';
import { PodctlError } from '#kernel/errors';
import {
  acNameOf,
  coversRepository,
  formatReference,
  normalPrefix,
  parseRegistryReference,
} from '../../../../../stage0/image/docker/registry/reference';
import { throwsCode } from '../../../../fixtures/expect';

const HEX = 'a'.repeat(64);

describe('references to images of registries', () => {
  for (const [written, meant] of [
    ['docker://busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['docker://index.docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['docker://registry-1.docker.io/a/b', 'docker.io/a/b:latest'],
    ['docker://someone/thing', 'docker.io/someone/thing:latest'],
    ['docker://localhost/thing', 'localhost/thing:latest'],
    ['docker://localhost:5000/thing:v1', 'localhost:5000/thing:v1'],
    ['docker://Registry.Example.com/a/b/c', 'registry.example.com/a/b/c:latest'],
    ['docker://[::1]:5000/a', '[::1]:5000/a:latest'],
    [`docker://example.com/a@sha256:${HEX}`, `example.com/a@sha256:${HEX}`],
    [`docker://example.com/a:1@sha256:${HEX}`, `example.com/a:1@sha256:${HEX}`],
    ['docker://example.com/a__b/c--d/e.f', 'example.com/a__b/c--d/e.f:latest'],
  ] as const) {
    it(`${written} is ${meant}`, () => assert.equal(formatReference(parseRegistryReference(written)), meant));
  }

  for (const [what, written] of [
    ['nothing', 'docker://'],
    ['a host without a path', 'docker://example.com/'],
    ['upper case', 'docker://example.com/Foo'],
    ['an empty component', 'docker://example.com/a//b'],
    ['dots that lead upwards', 'docker://example.com/../../etc/passwd'],
    ['a query', 'docker://example.com/a?x=y'],
    ['an escape', 'docker://example.com/a%2fb'],
    ['a line end', 'docker://example.com/a\r\nx: y'],
    ['an empty tag', 'docker://example.com/a:'],
    ['a tag that is a path', 'docker://example.com/a:../../x'],
    ['a short digest', 'docker://example.com/a@sha256:abc'],
    ['an upper-case digest', `docker://example.com/a@sha256:${'A'.repeat(64)}`],
    ['an unknown digest', `docker://example.com/a@md5:${'a'.repeat(32)}`],
    ['two digests', `docker://example.com/a@sha256:${HEX}@sha256:${HEX}`],
    ['a password', 'docker://me:secret@example.com/a'],
    ['port 0', 'docker://example.com:0/a'],
    ['a large port', 'docker://example.com:99999/a'],
    ['a host with an underscore', 'docker://exa_mple.com/a'],
    ['too many characters', `docker://example.com/${'a/'.repeat(150)}a`],
  ] as const) {
    it(`refuses ${what}`, () => throwsCode('image-reference-invalid', () => parseRegistryReference(written)));
  }

  it('gives the names of ACIs, as docker2aci does', () => {
    const name = (text: string): string => acNameOf(parseRegistryReference(text));
    assert.equal(name('busybox'), 'registry-1.docker.io/library/busybox');
    assert.equal(name('localhost:5000/a__b'), 'localhost-5000/a_b');
    assert.equal(name('[::1]:5000/a'), '1-5000/a');
  });

  it('reads back what it writes, and every name is one of appc, whatever is read', () => {
    const words = fc.stringMatching(/^[a-zA-Z0-9._:/@[\]-]{1,40}$/);
    fc.assert(
      fc.property(words, (text) => {
        try {
          const reference = parseRegistryReference(text);
          assert.deepEqual(parseRegistryReference(formatReference(reference)), reference);
          assert.ok(isAcIdentifier(acNameOf(reference)));
        } catch (error) {
          if (!(error instanceof PodctlError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('compares prefixes by component', () => {
    assert.ok(coversRepository('example.com/a', 'example.com/a/b'));
    assert.ok(!coversRepository('example.com/a', 'example.com/ab'));
    assert.ok(!coversRepository('example.co', 'example.com/ab'));
    assert.ok(coversRepository('', 'example.com/ab'));
    assert.equal(normalPrefix('docker://index.docker.io/library/'), 'docker.io/library');
  });
});
