/**
 * WWW-Authenticate (RFC 9110 §11.6.1) as registries write it: parameters in any order, quoted or not, several challenges in
 * one header. What cannot be read is left out: a server's nonsense must not keep the rest from being understood.
 */

export interface Challenge {
  /** Lower-case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case; of a name that stands twice the first counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Nobody needs more; each costs a look. */
const MAX_CHALLENGES = 8;
const MAX_PARAMETERS = 32;

const SEPARATORS = /[\s,]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const EQUALS = /\s*=\s*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy;
/** Without quotes some servers write URLs, which are no tokens. */
const UNQUOTED = /[^\s,"]*/y;
/** Behind a scheme: `Negotiate YII=`. */
const TOKEN68 = /[ ]+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y;
const SPACES = /[ \t]+/y;

/** Never fails; reads in linear time. @param header empty if there is none */
export function parseChallenges(header: string): readonly Challenge[] {
  const reader = new Reader(header);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  while (!reader.atEnd) {
    reader.take(SEPARATORS);
    const word = reader.take(TOKEN);
    if (word === undefined) {
      reader.skip();
      continue;
    }
    const current = challenges.at(-1);
    const value = reader.parameterValue();
    if (value === undefined) {
      if (challenges.length === MAX_CHALLENGES) break;
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
      reader.take(TOKEN68);
    } else if (current !== undefined && current.parameters.size < MAX_PARAMETERS) {
      const name = word.toLowerCase();
      if (!current.parameters.has(name)) current.parameters.set(name, value);
    }
  }
  return challenges;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  skip(): void {
    this.#at += 1;
  }

  take(pattern: RegExp): string | undefined {
    return this.#match(pattern)?.[0];
  }

  /** What stands behind `=`, if that comes next. */
  parameterValue(): string | undefined {
    const start = this.#at;
    this.take(SPACES);
    if (this.take(EQUALS) === undefined) {
      this.#at = start;
      return undefined;
    }
    const quoted = this.#match(QUOTED)?.[1];
    return quoted === undefined ? (this.take(UNQUOTED) ?? '') : quoted.replace(/\\(.)/gs, '$1');
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    this.#at += found?.[0].length ?? 0;
    return found;
  }
}
