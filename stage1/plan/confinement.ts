/** What of a pod's isolators is about more than one section of the plan: labels, devices, traffic. */
import { DEFAULT_DEVICES } from '../../stage2/isolators/devices';
import type { Effect } from '../../stage2/isolators/types';
import { property, type UnitProperty } from '../../units/properties';
import { type Op, op } from './op';
import type { AppSpec, PodSpec } from './spec';
import { volumeDevices } from './volumes';

type WithEffects = Pick<AppSpec, 'effects'>;

/** Nodes of the host that the app finds in its /dev beside those that every app has. */
export const extraNodes = ({ effects }: WithEffects): readonly string[] =>
  effects.flatMap((effect) => (effect.kind === 'devices' ? effect.nodes : []));

/** The pod-level root has the nodes of all apps, since theirs are bound from there. */
export const podNodes = (apps: readonly WithEffects[]): readonly Op[] =>
  [...new Set(apps.flatMap(extraNodes))].map((path) => op('bind', path, path));

/**
 * The unit allows what any of its apps may use. So that the others get no more than ever, they have rules as well, where
 * otherwise the unit's own would do. A unit of the user's allows everything.
 * @param joins the pod runs already: what its unit allows, other apps have decided
 */
export function otherDevices(pod: PodSpec, app: AppSpec, joins: boolean): readonly Op[] {
  const widened =
    joins ||
    pod.inPlace === true ||
    pod.apps.some(
      (one) => one.effects.some(({ kind }) => kind === 'device-allow') || volumeDevices(pod, one).length > 0,
    );
  if (!widened || pod.devices === 'free' || app.effects.some(({ kind }) => kind === 'devices')) return [];
  return [op('devices', ...DEFAULT_DEVICES, ...volumeDevices(pod, app))];
}

/** Labels of the pod for an app that has none of its own (appc §3.7). */
export function podLabels(pod: readonly Effect[], app: readonly Effect[]): readonly Op[] {
  const has = (module: string): boolean => app.some((effect) => effect.kind === 'label' && effect.module === module);
  return pod.flatMap((effect) =>
    effect.kind === 'label' && !has(effect.module) ? [op(effect.module, effect.value)] : [],
  );
}

/** Behind the network: nothing to limit where there is only `lo`. */
export const traffic = ({ bandwidth, network }: Pick<PodSpec, 'bandwidth' | 'network'>): readonly Op[] =>
  bandwidth === undefined || network === 'none' ? [] : [op('bandwidth', String(bandwidth))];

/** What the pod's unit must allow, since it bounds its apps. */
export function deviceAllow(apps: readonly WithEffects[]): readonly UnitProperty[] {
  const allowed = apps.flatMap(({ effects }) =>
    effects.flatMap((effect) => (effect.kind === 'device-allow' ? [effect.allow] : [])),
  );
  return allowed.length === 0 ? [] : [property('DeviceAllow', allowed)];
}
