/** Flags of `image extract` and `image render`. */
import { toggle } from '../flag';

export const DIRECTORY_FLAGS = {
  rootfsOnly: toggle('only the content of rootfs/, directly into the directory'),
  overwrite: toggle('replace the directory, with all that is in it'),
};
