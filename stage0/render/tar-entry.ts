/** What the tar reader says of one entry, and how it reports what it cannot read. */
import { PodctlError } from '#kernel/errors';
import { type ByteString, display } from './byte-string';

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

export interface TarEntry {
  /** As written in the archive: not normalised, not checked. */
  readonly name: ByteString;
  readonly type: EntryType;
  /** Bytes of content, holes included; 0 unless a file. */
  readonly size: number;
  /** True if the content may have holes. */
  readonly sparse: boolean;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Modification time: whole seconds since the epoch (may be negative) and nanoseconds after that. */
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Target of a hard or symbolic link. */
  readonly linkName: ByteString;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<ByteString, Buffer>;
  /** Where the entry's header is in the archive. */
  readonly offset: number;
}

/** Receives what the reader finds, in order. `data` buffers are views of the reader's input: use them at once or copy. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** The next bytes of a file's content. Not called for empty files. */
  data(chunk: Buffer): void;
  /** The content goes on with so many zeros that take no room in the archive. Without it, `data` gets the zeros. */
  hole?(size: number): void;
  /** The content of a file is complete. Not called for other types. */
  fileEnd(): void;
}

export function invalidArchive(problem: string, offset: number, name?: ByteString): PodctlError {
  const where = name === undefined || name === '' ? '' : `entry ${display(name)}, `;
  return new PodctlError('image-archive-invalid', `the archive is not valid: ${problem}`, {
    position: `${where}byte ${offset}`,
  });
}
