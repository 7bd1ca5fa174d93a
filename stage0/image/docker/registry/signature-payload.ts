/** What a signature of an image says (containers/image "atomic container signature"): of which digest, under which name. */
import { PodctlError } from '#kernel/errors';
import { Members, SchemaError, text } from '../../decode';
import { parseJson } from '../../json';

export interface SignedClaim {
  readonly digest: string;
  /** As its signer wrote it. */
  readonly reference: string;
}

const TYPE = 'atomic container signature';

/** Whatever is critical has to be understood, and nothing else may be. @throws PodctlError `signature-malformed` */
export function decodeClaim(content: Buffer, origin: string): SignedClaim {
  try {
    return onlyMembers(parseJson(content), '', ['critical', 'optional']).required('critical', (critical, at) => {
      const members = onlyMembers(critical, at, ['type', 'image', 'identity']);
      const type = members.required('type', text);
      if (type !== TYPE) throw new SchemaError(`${at}.type`, `is not "${TYPE}"`);
      return {
        digest: members.required('image', (image, place) =>
          onlyMembers(image, place, ['docker-manifest-digest']).required('docker-manifest-digest', text),
        ),
        reference: members.required('identity', (identity, place) =>
          onlyMembers(identity, place, ['docker-reference']).required('docker-reference', text),
        ),
      };
    });
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    const where = error.at === '' ? 'what it signs' : error.at;
    throw new PodctlError('signature-malformed', `${origin}: ${where} ${error.message}`, {
      position: origin,
      cause: error,
    });
  }
}

function onlyMembers(value: unknown, at: string, known: readonly string[]): Members {
  const members = new Members(value, at);
  const unknown = Object.keys(value as object).find((name) => !known.includes(name));
  if (unknown === undefined) return members;
  throw new SchemaError(at === '' ? unknown.slice(0, 80) : `${at}.${unknown.slice(0, 80)}`, 'is unknown');
}
