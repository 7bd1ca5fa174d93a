/** What a pod's record and manifest say is changed by one at a time. */
import fs from 'node:fs';
import { MEMBERS_LOCK } from '../pod/layout';
import type { PodEntry } from '../pod/pods';
import type { Services } from './services';

/** Waits for whoever changes them now. The same lock is held while apps join and leave (members.ts). */
export async function withRecord<T>({ native }: Services, { path }: PodEntry, act: () => Promise<T>): Promise<T> {
  const lock = fs.openSync(`${path}/${MEMBERS_LOCK}`, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  try {
    native.flock(lock, 'exclusive', true);
    return await act();
  } finally {
    fs.closeSync(lock);
  }
}
