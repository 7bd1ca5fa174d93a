/** What a pod's manifest says of the lives of its apps, completed by their images and checked across apps. */
import type { AppSpec } from '../../stage1/plan/spec';
import { KEPT } from '../../stage2/conventions';
import { HEALTH_OF_IMAGE } from '../../stage2/health';
import type { Isolator } from '../../stage2/isolators/types';
import {
  EXIT_POLICY,
  type ExitPolicy,
  exitPolicyOf,
  inStartOrder,
  READY,
  requireMainApp,
  STOP_SIGNAL,
  SUPPORTS_NOTIFY,
} from '../../stage2/life';
import type { ImageManifest } from '../image/manifest';
import type { PodFacts, RuntimeApp } from '../pod/manifest';
import type { PrepareRequest } from './prepare';
import { factsOf } from './wanted';

const OF_IMAGE: readonly string[] = [STOP_SIGNAL, ...HEALTH_OF_IMAGE, ...KEPT];

/**
 * What an image says of its app's life counts unless the pod says otherwise: an image that can is asked for its readiness (appc
 * B21); a stop signal, a health check, and whose conventions it was made for (stage2/conventions.ts).
 */
export function withImageLife(app: RuntimeApp, image: ImageManifest): RuntimeApp {
  const said = image.annotations.flatMap(({ name, value }) => {
    if (name === SUPPORTS_NOTIFY) return value === 'true' ? [{ name: READY, value: 'notify' }] : [];
    return OF_IMAGE.includes(name) ? [{ name, value }] : [];
  });
  const more = said.filter(({ name }) => !app.annotations.some((one) => one.name === name));
  return more.length === 0 ? app : { ...app, annotations: [...app.annotations, ...more] };
}

/** What the manifest says beside its apps; flags are kept there, too. */
export function podFacts(
  { manifest, facts: said, exitPolicy }: PrepareRequest,
  apps: readonly RuntimeApp[],
  isolators: readonly Isolator[],
): PodFacts {
  const facts = { ...factsOf(manifest ?? said, apps), isolators };
  if (exitPolicy === undefined) return facts;
  return { ...facts, annotations: [...facts.annotations, { name: EXIT_POLICY, value: exitPolicy }] };
}

/** @throws PodctlError `life-invalid` also if an app is to wait for one that is not there, or for itself */
export function lifeOfPod(facts: PodFacts, apps: readonly AppSpec[]): ExitPolicy | undefined {
  inStartOrder(apps);
  const policy = exitPolicyOf(facts.annotations);
  requireMainApp(
    policy,
    apps.map(({ name }) => name),
  );
  return policy;
}
