/** What a pod's manifest says of the lives of its apps, completed by their images and checked across apps. */
import type { AppSpec } from '../../stage1/plan/spec';
import type { Isolator } from '../../stage2/isolators/types';
import {
  EXIT_POLICY,
  type ExitPolicy,
  exitPolicyOf,
  inStartOrder,
  READY,
  requireMainApp,
  SUPPORTS_NOTIFY,
} from '../../stage2/life';
import type { ImageManifest } from '../image/manifest';
import type { PodFacts, RuntimeApp } from '../pod/manifest';
import type { PrepareRequest } from './prepare';
import { factsOf } from './wanted';

/** An image that says it can is asked for its readiness, unless the pod says otherwise (appc B21). */
export function withImageReadiness(app: RuntimeApp, image: ImageManifest): RuntimeApp {
  const says = image.annotations.some(({ name, value }) => name === SUPPORTS_NOTIFY && value === 'true');
  if (!says || app.annotations.some(({ name }) => name === READY)) return app;
  return { ...app, annotations: [...app.annotations, { name: READY, value: 'notify' }] };
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
