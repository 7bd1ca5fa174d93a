/**
 * The discovery tags of an HTML page (appc X1): `<meta name="ac-discovery" content="…">` in its head. A tokenizer that goes
 * over the text once, in its order, and knows just enough of HTML not to take for a tag what is none: comments, text of
 * scripts, attributes of other tags. It ends where the head ends, so that nobody who may write into a page's body (a comment
 * in a forum) says where its images come from.
 */

/** What of a page is read: its head is at its beginning. */
export const MAX_PAGE_BYTES = 512 * 1024;
/** Pages that name more endpoints than this do it to keep somebody busy. */
const MAX_TAGS = 64;
const MAX_ATTRIBUTES = 64;

export interface Meta {
  readonly name: string;
  readonly content: string;
}

/** Elements whose content is text, whatever it looks like. */
const TEXT_ELEMENTS = new Set(['script', 'style', 'title', 'template', 'noframes']);
/** What may stand before or in a head; the first other tag begins the body. */
const HEAD_ELEMENTS = new Set([
  'html',
  'head',
  'meta',
  'link',
  'base',
  'basefont',
  'bgsound',
  'noscript',
  ...TEXT_ELEMENTS,
]);

const TAG_NAME = /[a-zA-Z][^\s/>]*/y;
const SPACE = /[\s/]*/y;
const ATTRIBUTE_NAME = /[^\s/>=][^\s/>=]*/y;
const EQUALS = /\s*=\s*/y;
const UNQUOTED = /[^\s>]+/y;

/** The tags of this name, in order. */
export const metaTags = (page: string, name: string): readonly Meta[] => [...new Head(page).metas(name)];

class Head {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  *metas(name: string): Generator<Meta> {
    for (let found = 0; found < MAX_TAGS; ) {
      const start = this.#text.indexOf('<', this.#at);
      if (start < 0) return;
      this.#at = start + 1;
      if (this.#skipDeclaration()) continue;
      const closing = this.#next('/');
      const tag = this.#take(TAG_NAME)?.toLowerCase();
      if (tag === undefined) continue; // a lone "<" is text
      const attributes = this.#attributes();
      if (closing ? tag === 'head' || tag === 'html' : !HEAD_ELEMENTS.has(tag)) return;
      if (closing) continue;
      if (TEXT_ELEMENTS.has(tag)) this.#skipText(tag);
      if (tag !== 'meta' || attributes.get('name')?.toLowerCase() !== name) continue;
      found += 1;
      yield { name, content: attributes.get('content') ?? '' };
    }
  }

  /** Comments, and anything else that begins with `<!` or `<?`. */
  #skipDeclaration(): boolean {
    if (this.#text.startsWith('!--', this.#at)) {
      // `<!-->` and `<!--->` are whole comments.
      this.#skipBehind('-->', this.#at + 1);
      return true;
    }
    if (this.#text[this.#at] !== '!' && this.#text[this.#at] !== '?') return false;
    this.#skipBehind('>', this.#at);
    return true;
  }

  #skipText(tag: string): void {
    const end = new RegExp(`</${tag}(?=[\\s/>])`, 'gi');
    end.lastIndex = this.#at;
    this.#at = end.exec(this.#text)?.index ?? this.#text.length;
  }

  /** Up to and with the `>`; the first of several attributes with one name counts. */
  #attributes(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (;;) {
      this.#take(SPACE);
      if (this.#at >= this.#text.length || this.#next('>')) return found;
      const name = this.#take(ATTRIBUTE_NAME)?.toLowerCase();
      if (name === undefined) {
        this.#at += 1; // a stray "="
        continue;
      }
      const value = this.#take(EQUALS) === undefined ? '' : this.#value();
      if (!found.has(name) && found.size < MAX_ATTRIBUTES) found.set(name, unescaped(value));
    }
  }

  #value(): string {
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") return this.#take(UNQUOTED) ?? '';
    const start = this.#at + 1;
    this.#skipBehind(quote, start);
    return this.#text.slice(start, Math.max(start, this.#at - 1));
  }

  #skipBehind(end: string, from: number): void {
    const found = this.#text.indexOf(end, from);
    this.#at = found < 0 ? this.#text.length : found + end.length;
  }

  #next(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at;
    const found = token.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Character references that URLs and names in attributes are written with. */
const unescaped = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));/g, (all, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name] ?? all;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
