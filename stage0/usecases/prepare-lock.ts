/** For whoever makes a pod, or adds an app to one: collecting images waits until the pod's record says what it needs. */
import type { Services } from './services';

export async function withPrepareLock<T>(
  { prepareLock }: Pick<Services, 'prepareLock'>,
  act: () => Promise<T>,
): Promise<T> {
  const release = prepareLock.shared();
  try {
    return await act();
  } finally {
    release();
  }
}
