/** How images are shown. */
import type { ImageId } from '#kernel/brand';

const SHORT_DIGITS = 12;

/** `sha512-` and 12 digits: enough to name an image among those of one store. */
export const shortImageId = (id: ImageId): string => id.slice(0, 'sha512-'.length + SHORT_DIGITS);
