/**
 * The authorities that servers are verified by: the host's, as for every other program on it (Node would take the list it was
 * built with, and not know those of the company), or those SSL_CERT_FILE names.
 */
import fs from 'node:fs';
import type { SecureContext } from 'node:tls';
import { isErrno, messageOf, PodctlError } from '#kernel/errors';

/** Loaded when the first server is to be verified. */
const tls = (): typeof import('node:tls') => process.getBuiltinModule('node:tls');

/** Of a client that verifies nobody. */
export const withoutAuthorities = (): SecureContext => tls().createSecureContext({ ca: [] });

/** Where distributions keep them: Debian and Arch, Fedora, SUSE, Alpine. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** What is configured for one server; all of it PEM. */
export interface HostCertificates {
  /** Trusted for it beside the host's. */
  readonly authorities: readonly string[];
  /** Who we are, if it asks. */
  readonly own: readonly { readonly certificate: string; readonly key: string }[];
}

/** @throws PodctlError `io` if a file that the environment names cannot be read, `config-invalid` if certificates are none */
export function secureContext(
  env: Readonly<Record<string, string | undefined>>,
  { authorities, own }: HostCertificates = { authorities: [], own: [] },
): SecureContext {
  const named = env['SSL_CERT_FILE'];
  const base = named ? [readCertificates(named)] : hostBundle();
  const extra = env['NODE_EXTRA_CA_CERTS'];
  const ca = [...base, ...(extra ? [readCertificates(extra)] : []), ...authorities];
  if (own.length === 0) return tls().createSecureContext({ ca });
  try {
    return tls().createSecureContext({ ca, cert: own.map((one) => one.certificate), key: own.map((one) => one.key) });
  } catch (cause) {
    throw new PodctlError(
      'config-invalid',
      `a certificate for the server and its key do not fit: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

function hostBundle(): string[] {
  for (const bundle of BUNDLES) {
    try {
      return [fs.readFileSync(bundle, 'utf8')];
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw unreadableCertificates(bundle, error);
    }
  }
  return [...tls().rootCertificates];
}

/** PEM of a file. @throws PodctlError `io` */
export function readCertificates(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadableCertificates(file, error);
  }
}

export const unreadableCertificates = (file: string, cause: unknown): PodctlError =>
  new PodctlError('io', `certificates in ${file}: ${messageOf(cause)}`, { cause });
