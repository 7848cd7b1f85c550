import type { ModelRewrite, ModelRewriteRule, Objective } from "../pool-source.ts";
import type { KubeObject } from "./reflector.ts";

/** API group of InferencePool v1. */
export const POOL_GROUP = "inference.networking.k8s.io";

/** An InferencePool, as far as routing goes. */
export interface InferencePool {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly targetPorts: readonly number[];
  readonly appProtocol?: string;
}

interface PoolObject extends KubeObject {
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly targetPorts?: readonly { readonly number?: number }[];
    readonly appProtocol?: string;
  };
}

interface PoolRef {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
}

interface ObjectiveObject extends KubeObject {
  readonly spec?: { readonly priority?: number; readonly poolRef?: PoolRef };
}

interface RewriteObject extends KubeObject {
  readonly spec?: {
    readonly poolRef?: PoolRef;
    readonly rules?: readonly {
      readonly matches?: readonly { readonly model?: { readonly value?: string } }[];
      readonly targets?: readonly { readonly weight?: number; readonly modelRewrite?: string }[];
    }[];
  };
}

/** An InferencePool (`inference.networking.k8s.io/v1`); undefined without labels, which would select every pod. */
export function inferencePool(object: KubeObject): InferencePool | undefined {
  const { metadata, spec } = object as PoolObject;
  const matchLabels = spec?.selector?.matchLabels ?? {};
  if (metadata?.deletionTimestamp !== undefined || Object.keys(matchLabels).length === 0) return undefined;
  return {
    matchLabels,
    targetPorts: (spec?.targetPorts ?? []).flatMap(({ number }) => (number === undefined ? [] : [number])),
    ...(spec?.appProtocol === undefined ? {} : { appProtocol: spec.appProtocol }),
  };
}

/** An InferenceObjective (`llm-d.ai/v1alpha2`) of the pool, by its name. */
export function objectiveOf(poolName: string): (object: KubeObject) => readonly [string, Objective] | undefined {
  return (object) => {
    const { metadata, spec } = object as ObjectiveObject;
    if (!refersTo(spec?.poolRef, poolName) || metadata?.deletionTimestamp !== undefined) return undefined;
    return [metadata?.name ?? "", { priority: spec?.priority ?? 0 }];
  };
}

/** An InferenceModelRewrite (`llm-d.ai/v1alpha2`) of the pool. */
export function rewriteOf(poolName: string): (object: KubeObject) => ModelRewrite | undefined {
  return (object) => {
    const { metadata, spec } = object as RewriteObject;
    if (!refersTo(spec?.poolRef, poolName) || metadata?.deletionTimestamp !== undefined) return undefined;
    const rules = (spec?.rules ?? []).map((rule): ModelRewriteRule => {
      const models = (rule.matches ?? []).map(({ model }) => model?.value);
      return {
        // A match that names no model matches every one.
        models: models.includes(undefined) ? [] : (models as string[]),
        targets: (rule.targets ?? []).flatMap(({ modelRewrite, weight }) =>
          modelRewrite === undefined ? [] : [{ model: modelRewrite, weight: weight ?? 0 }],
        ),
      };
    });
    return { name: metadata?.name ?? "", createdAtMs: Date.parse(metadata?.creationTimestamp ?? "") || 0, rules };
  };
}

function refersTo(ref: PoolRef | undefined, poolName: string): boolean {
  return (
    ref?.name === poolName &&
    (ref.group ?? POOL_GROUP) === POOL_GROUP &&
    (ref.kind ?? "InferencePool") === "InferencePool"
  );
}
