/** What `podctl version` says. The launcher contains a copy of this file, so that nothing else is loaded for it. */

import { APPC_VERSION } from '#kernel/appc';

/** Version of podctl; a test holds package.json against it. */
export const VERSION = '0.1.0';

const FEATURES = { TPM: false, SDJOURNAL: true };

export interface VersionInfo {
  readonly podctl: string;
  readonly appc: string;
  readonly node: string;
  readonly os: string;
  readonly arch: string;
  readonly features: Readonly<Record<string, boolean>>;
}

export const versionInfo = (): VersionInfo => ({
  podctl: VERSION,
  appc: APPC_VERSION,
  node: process.version,
  os: process.platform,
  arch: process.arch,
  features: FEATURES,
});

/** Five lines, as `rkt version` prints them. */
export function versionText(info: VersionInfo = versionInfo()): string {
  const features = Object.entries(info.features).map(([name, on]) => `${on ? '+' : '-'}${name}`);
  return `podctl Version: ${info.podctl}
appc Version: ${info.appc}
Node Version: ${info.node}
Node OS/Arch: ${info.os}/${info.arch}
Features: ${features.join(' ')}
`;
}
