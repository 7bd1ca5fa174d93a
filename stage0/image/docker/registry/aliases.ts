/** Short names of the operator's own (kind `aliases` of registries.d). */
import { PodctlError } from '#kernel/errors';
import { parseRegistryReference, type RegistryReference } from './reference';

/**
 * `web:v1` with the alias `web` for `example.com/shop/web` is `example.com/shop/web:v1`; a tag or digest of the alias itself
 * counts where none is given.
 * @throws PodctlError `image-reference-invalid`, `config-invalid`
 */
export function resolveReference(text: string, aliases: () => ReadonlyMap<string, string>): RegistryReference {
  const [, name = '', rest = ''] = /^(?:docker:\/\/)?([a-z0-9._-]+)([:@].*)?$/is.exec(text) ?? [];
  const target = name === '' ? undefined : aliases().get(name);
  if (target === undefined) return parseRegistryReference(text);
  const meant = parseTarget(name, target);
  if (rest === '') return meant;
  const written = parseRegistryReference(`docker://${meant.domain}/${meant.path}${rest}`);
  return { ...meant, tag: written.tag, digest: written.digest };
}

function parseTarget(name: string, target: string): RegistryReference {
  try {
    return parseRegistryReference(target);
  } catch (cause) {
    throw new PodctlError('config-invalid', `registries.d: the alias "${name}" stands for no image: "${target}"`, {
      cause,
    });
  }
}
