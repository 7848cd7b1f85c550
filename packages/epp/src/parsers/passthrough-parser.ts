import type { Parser } from "./parser.ts";

/** Takes any body as it is: no model, no prompt, no usage. */
export const passthroughParser: Parser = {
  type: "passthrough-parser",
  pathSuffixes: [],
  parse: () => ({
    model: "",
    modelRequired: false,
    stream: false,
    prompt: undefined,
    skipResponse: false,
    json: undefined,
  }),
  usageOfResponse: () => undefined,
  usageOfEvent: () => undefined,
};
