/** node:crypto, loaded at the first digest: it takes 6 ms of a start, and a warm one computes none. */
import type { Hash } from 'node:crypto';

export type { Hash };

export const createHash = (algorithm: string): Hash => process.getBuiltinModule('node:crypto').createHash(algorithm);

/** `sha512-` and 128 hex digits. */
export const sha512Of = (bytes: Uint8Array): string => `sha512-${createHash('sha512').update(bytes).digest('hex')}`;
