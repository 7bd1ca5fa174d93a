/** Fetching an image by its name: where its site says that it is (appc §3.10). */
import { PodctlError } from '#kernel/errors';
import type { StoredImage } from '../../store/cas';
import { hostPlatform } from '../platform';
import { formatImageName } from '../reference';
import type { Label } from '../schema';
import { discoverTags } from './discovery/pages';
import { expandTemplate } from './discovery/template';
import { shownUrl } from './http/failure';
import { unless } from './objection';
import { fetchUrl, type Network, type RemoteSignature } from './url';

export interface NameRequest {
  readonly name: string;
  readonly labels: readonly Label[];
  /** `required` lacks only the place, which discovery finds. */
  readonly signature: Omit<Extract<RemoteSignature, { kind: 'required' }>, 'source'> | { readonly kind: 'none' };
  readonly size: number | undefined;
}

interface Endpoint {
  readonly image: URL;
  readonly signature: URL;
}

/** @throws PodctlError `discovery-failed`, `fetch-*`, `image-*`, `signature-*`, `interrupted` */
export async function fetchName(request: NameRequest, network: Network): Promise<StoredImage> {
  const { name, labels, signature, size } = request;
  network.observe({ event: 'discovering', image: formatImageName(name, labels) });
  const endpoints = await endpointsOf(request, network);
  const failures: PodctlError[] = [];
  for (const endpoint of endpoints) {
    const checked: RemoteSignature =
      signature.kind === 'none' ? signature : { ...signature, source: { url: endpoint.signature } };
    try {
      return await fetchUrl(
        { url: endpoint.image, signature: checked, objection: unless(name, labels), size },
        network,
      );
    } catch (error) {
      if (!(error instanceof PodctlError) || !MAY_DIFFER.test(error.code)) throw error;
      failures.push(error);
      if (failures.length < endpoints.length) {
        network.observe({ event: 'passed-over', url: shownUrl(endpoint.image), reason: error.message });
      }
    }
  }
  throw together(failures);
}

/** Failures that another endpoint need not have: not those of this host. */
const MAY_DIFFER = /^(?:fetch-|image-|signature-)/;

/** X3: every template that makes an image and a signature of it, in the order of the page. */
async function endpointsOf({ name, labels }: NameRequest, { client }: Network): Promise<readonly Endpoint[]> {
  const values = templateValues(name, labels);
  const tags = await discoverTags(client, name, 'ac-discovery');
  const endpoints = tags.flatMap(({ value }) => {
    const [image, signature] = [expandTemplate(value, values, 'aci'), expandTemplate(value, values, 'aci.asc')];
    return image === undefined || signature === undefined ? [] : [{ image, signature }];
  });
  if (endpoints.length > 0) return endpoints;
  throw new PodctlError(
    'discovery-failed',
    `the site of "${name}" has no usable template for ${formatImageName(name, labels)}`,
  );
}

/** The defaults of the specification: the latest version, for this host. */
function templateValues(name: string, labels: readonly Label[]): ReadonlyMap<string, string> {
  const { os, arch } = hostPlatform();
  const given = labels.map((label) => [label.name, label.value] as const);
  return new Map([['version', 'latest'], ['os', os], ['arch', arch], ...given, ['name', name]]);
}

/** The first failure, with the others told. */
function together([first, ...others]: readonly PodctlError[]): PodctlError {
  if (first === undefined) return new PodctlError('internal', 'no endpoint was tried');
  if (others.length === 0) return first;
  const rest = others.map((other) => other.message).join('; ');
  return new PodctlError(first.code, `${first.message} (other endpoints: ${rest})`, {
    cause: first,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}
