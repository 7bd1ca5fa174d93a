/** Whether an image is the one that was asked for (appc X6, B4). */
import { PodctlError } from '#kernel/errors';
import { formatImageName } from '../reference';
import type { Label } from '../schema';

interface Named {
  readonly name: string;
  readonly labels: readonly Label[];
}

/** Why an image, whoever signed it, is not the one that was asked for; undefined if it is. */
export type Objection = (image: Named) => PodctlError | undefined;

/** It has this name and these labels. Labels that were not asked for may be there. */
export const unless =
  (name: string, labels: readonly Label[]): Objection =>
  (image) => {
    const wrong = labels.some(
      (wanted) => !image.labels.some((has) => has.name === wanted.name && has.value === wanted.value),
    );
    if (image.name === name && !wrong) return undefined;
    const has = formatImageName(image.name, image.labels);
    return new PodctlError('image-name-mismatch', `what was found for "${formatImageName(name, labels)}" is "${has}"`);
  };
