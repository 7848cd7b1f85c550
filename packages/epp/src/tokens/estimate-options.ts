import { DEFAULT_ESTIMATE, type EstimateOptions } from "./estimate.ts";

interface Size {
  readonly width?: number;
  readonly height?: number;
}

/** `estimate` of a token producer, as far as it is read. */
interface Given {
  readonly image?: {
    readonly mode?: "dynamic" | "static";
    readonly defaultResolution?: Size;
    readonly dynamic?: { readonly factor?: number };
    readonly static?: { readonly staticToken?: number };
  };
  readonly video?: { readonly defaultDuration?: number; readonly defaultResolution?: Size };
}

/** The estimate's options: what the token producer gives, else upstream's defaults. */
export function estimateOptions(parameters: unknown): EstimateOptions {
  const { image, video } = (parameters ?? {}) as Given;
  const staticImageTokens = image?.mode === "static" ? image.static?.staticToken : undefined;
  return {
    ...DEFAULT_ESTIMATE,
    imageFactor: image?.dynamic?.factor ?? DEFAULT_ESTIMATE.imageFactor,
    defaultImage: {
      width: image?.defaultResolution?.width ?? DEFAULT_ESTIMATE.defaultImage.width,
      height: image?.defaultResolution?.height ?? DEFAULT_ESTIMATE.defaultImage.height,
    },
    videoSeconds: video?.defaultDuration ?? DEFAULT_ESTIMATE.videoSeconds,
    videoFrame: {
      width: video?.defaultResolution?.width ?? DEFAULT_ESTIMATE.videoFrame.width,
      height: video?.defaultResolution?.height ?? DEFAULT_ESTIMATE.videoFrame.height,
    },
    ...(staticImageTokens === undefined ? {} : { staticImageTokens }),
  };
}
