/** The one place where secrets are taken out of what podctl prints about itself: errors, warnings, debug output. */

const HIDDEN = '***';

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // user:password@ and token@ of a URL
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@]+@/gi, `$1${HIDDEN}@`],
  // Authorization: Basic …, Proxy-Authorization: Bearer …, and the scheme with its credentials alone
  [
    /((?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(basic|bearer|digest|negotiate)\s+)?[^\s"',;]+/gi,
    `$1$2 ${HIDDEN}`,
  ],
  [/\b(basic|bearer)\s+[a-z0-9+/._~-]{8,}=*/gi, `$1 ${HIDDEN}`],
  // secrets in the query of a URL, and in JSON of auth.d
  [
    /([?&](?:access_token|refresh_token|token|password|secret|sig|signature|x-amz-(?:signature|credential|security-token))=)[^&\s"']+/gi,
    `$1${HIDDEN}`,
  ],
  [/("(?:password|token|secret|auth|identitytoken|awsSecretAccessKey)"\s*:\s*)"[^"]*"/gi, `$1"${HIDDEN}"`],
];

export const redact = (text: string): string =>
  PATTERNS.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);
