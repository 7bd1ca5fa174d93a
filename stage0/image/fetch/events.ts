/** What happens while images are fetched, for whoever watches (progress, `--format json`). */
import type { ImageId } from '#kernel/brand';

export type FetchEvent =
  /** The pages of a name are being asked. */
  | { readonly event: 'discovering'; readonly image: string }
  /** The body of an image begins; `from` bytes of it were there already. */
  | { readonly event: 'downloading'; readonly url: string; readonly from: number; readonly total?: number }
  | { readonly event: 'progress'; readonly url: string; readonly done: number; readonly total?: number }
  /** Somebody else is downloading the same. */
  | { readonly event: 'waiting'; readonly url: string }
  | { readonly event: 'retrying'; readonly url: string; readonly reason: string; readonly delayMs: number }
  /** An endpoint of several did not do. */
  | { readonly event: 'passed-over'; readonly url: string; readonly reason: string }
  /** The server says, or said for how long, that what the store has is what it would send. */
  | { readonly event: 'unchanged'; readonly url: string; readonly id: ImageId }
  | {
      readonly event: 'stored';
      readonly url: string;
      readonly id: ImageId;
      readonly name: string;
      readonly size: number;
    }
  /** A URL did not do; `code` as in docs/errors.md. */
  | { readonly event: 'failed'; readonly url: string; readonly code: string; readonly reason: string }
  /** An image that was asked for is there, with its dependencies. */
  | { readonly event: 'done'; readonly image: string; readonly id: ImageId };

export type Observe = (event: FetchEvent) => void;
