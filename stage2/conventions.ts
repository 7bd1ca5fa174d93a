/**
 * Whose rules an app follows where appc and Docker differ. An image says so by an annotation, which the pod's manifest keeps for
 * each of its apps, so that a prepared pod and `--pod-manifest` have it. Docker's: the user's own group and groups, HOME, a
 * working directory that is made, volumes that begin with what the image has there, arguments that replace Cmd.
 */

export const CONVENTIONS = 'podctl/conventions';
export const DOCKER = 'docker';

/** `true`: a group was asked for that is called like the user; else such a group stands for the user's own. */
export const EXPLICIT_GROUP = 'podctl/explicit-group';

/** Annotations of an image that its app in a pod keeps. */
export const KEPT: readonly string[] = [CONVENTIONS, EXPLICIT_GROUP];

/** Arrays of words as JSON: what Docker's two halves of the command line were. */
export const ENTRYPOINT = 'appc.io/docker/entrypoint';
export const COMMAND = 'appc.io/docker/cmd';

interface Named {
  readonly name: string;
  readonly value: string;
}

export const followsDocker = (annotations: readonly Named[]): boolean =>
  annotations.some(({ name, value }) => name === CONVENTIONS && value === DOCKER);

export const hasOwnGroup = ({ user, group }: { user: string; group: string }, annotations: readonly Named[]): boolean =>
  user === group && !annotations.some(({ name, value }) => name === EXPLICIT_GROUP && value === 'true');

/** Undefined if the annotation is not there, or says no such array. */
function wordsOf(annotations: readonly Named[], annotation: string): readonly string[] | undefined {
  const written = annotations.find(({ name }) => name === annotation)?.value;
  if (written === undefined) return undefined;
  try {
    const words: unknown = JSON.parse(written);
    const sound = Array.isArray(words) && words.every((word) => typeof word === 'string' && !word.includes('\0'));
    return sound ? (words as readonly string[]) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * What an app executes. As in rkt, `exec` replaces all that the image says, and arguments follow it; as in Docker, arguments alone
 * replace Cmd and follow Entrypoint. Of other images they follow what the image executes.
 */
export function commandLine(
  image: { readonly exec: readonly string[]; readonly annotations: readonly Named[] },
  exec: string | undefined,
  args: readonly string[],
): readonly string[] {
  if (exec !== undefined) return [exec, ...args];
  if (args.length === 0 || !followsDocker(image.annotations)) return [...image.exec, ...args];
  return [...(wordsOf(image.annotations, ENTRYPOINT) ?? []), ...args];
}
