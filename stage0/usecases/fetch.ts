/** Several images at once. */
import type { ImageId } from '#kernel/brand';
import { type FetchOptions, obtainImage } from './images';
import type { Services } from './services';

export interface FetchRequest {
  readonly image: string;
  readonly signature: string | undefined;
}

/** More do not make a link faster; each may have a decompressor of its own. */
const AT_ONCE = 3;

/**
 * @param done called for each image in the order of the requests, as soon as it and those before it are there
 * @throws the failure of the first image that failed, once no other is under way; images that wait are not begun then
 */
export async function fetchImages(
  services: Services,
  requests: readonly FetchRequest[],
  options: FetchOptions,
  done: (id: ImageId) => void,
): Promise<void> {
  const ids: (ImageId | undefined)[] = requests.map(() => undefined);
  const failures = new Map<number, unknown>();
  let next = 0;
  let told = 0;
  const work = async (): Promise<void> => {
    while (next < requests.length && failures.size === 0) {
      const index = next++;
      const request = requests[index];
      if (request === undefined) return;
      try {
        const { image } = await obtainImage(services, request.image, request.signature, options);
        options.observe({ event: 'done', image: request.image, id: image.id });
        ids[index] = image.id;
      } catch (error) {
        failures.set(index, error);
      }
      for (let id = ids[told]; id !== undefined; id = ids[told]) {
        done(id);
        told += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const [first] = [...failures].sort(([one], [other]) => one - other);
  if (first !== undefined) throw first[1];
}
