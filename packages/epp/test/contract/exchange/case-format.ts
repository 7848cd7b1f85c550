import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** Where the cases lie; `README.md` there says the same as the types here. */
const CASES_FOLDER = join(import.meta.dirname, "..", "cases");

const content = z.union([
  z.string(),
  z.strictObject({ json: z.unknown() }),
  z.strictObject({ base64: z.string() }),
  z.array(z.union([z.string(), z.strictObject({ text: z.string(), times: z.int().positive() })])),
]);
/** Bytes of a body. */
export type Content = z.infer<typeof content>;

const headers = z.record(z.string(), z.union([z.string(), z.strictObject({ value: z.string() })]));
const expectedHeaders = z.record(
  z.string(),
  z.union([z.string(), z.null(), z.strictObject({ oneOf: z.array(z.string()) })]),
);
const metadata = z.record(z.string(), z.record(z.string(), z.unknown()));

const messageIn = z.strictObject({
  requestHeaders: headers.optional(),
  requestBody: content.optional(),
  requestTrailers: headers.optional(),
  responseHeaders: headers.optional(),
  responseBody: content.optional(),
  responseTrailers: headers.optional(),
  endOfStream: z.boolean().optional(),
  metadata: metadata.optional(),
});
/** A message of the gateway. */
export type MessageIn = z.infer<typeof messageIn>;

const messageOut = z.strictObject({
  requestHeaders: expectedHeaders.optional(),
  requestBody: content.optional(),
  requestTrailers: z.strictObject({}).optional(),
  responseHeaders: expectedHeaders.optional(),
  responseBody: content.optional(),
  responseTrailers: z.strictObject({}).optional(),
  immediateResponse: z
    .strictObject({ status: z.int(), body: z.string(), headers: z.record(z.string(), z.string()).optional() })
    .optional(),
  end: z.enum(["clean", "failed"]).optional(),
  endOfStream: z.boolean().optional(),
  scores: z.record(z.string(), z.number()).optional(),
  removeHeaders: z.array(z.string()).optional(),
});
/** A message that the gateway must get. */
export type MessageOut = z.infer<typeof messageOut>;

const endpoint = z.strictObject({
  address: z.string(),
  waiting: z.number().optional(),
  running: z.number().optional(),
  kvUsageFraction: z.number().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  lora: z
    .strictObject({ running: z.array(z.string()), waiting: z.array(z.string()), maxActive: z.number() })
    .optional(),
});

const rewrite = z.strictObject({
  name: z.string(),
  createdAtMs: z.number(),
  rules: z.array(
    z.strictObject({
      models: z.array(z.string()),
      targets: z.array(z.strictObject({ model: z.string(), weight: z.number() })),
    }),
  ),
});

const configuration = z.strictObject({
  plugins: z.array(z.record(z.string(), z.unknown())).optional(),
  schedulingProfiles: z.array(z.record(z.string(), z.unknown())).optional(),
  requestHandler: z.record(z.string(), z.unknown()).optional(),
});

const options = z.strictObject({
  emitEndpointScores: z.boolean().optional(),
  ignoreSubset: z.boolean().optional(),
  strict: z.boolean().optional(),
  maxRequestBodyBytes: z.int().optional(),
});

const contractCase = z.strictObject({
  name: z.string(),
  skip: z.string().optional(),
  endpoints: z.array(endpoint),
  configuration: configuration.optional(),
  options: options.optional(),
  objectives: z.record(z.string(), z.number()).optional(),
  modelRewrites: z.array(rewrite).optional(),
  messages: z.array(z.union([z.strictObject({ in: messageIn }), z.strictObject({ out: messageOut })])),
  kept: z.record(z.string(), z.unknown()).optional(),
  upstream: z.union([z.strictObject({ differs: z.string() }), z.strictObject({ notCompared: z.string() })]).optional(),
});
/** One case: endpoints, configuration, and what goes in and comes out of one stream. */
export type ContractCase = z.infer<typeof contractCase>;

const caseFile = z.strictObject({ about: z.string(), cases: z.array(contractCase) });

/** Every case of every file, by the file's name. @throws Error for a file that does not keep the format */
export function contractCases(): { readonly file: string; readonly cases: readonly ContractCase[] }[] {
  const files = readdirSync(CASES_FOLDER).filter((name) => name.endsWith(".yaml"));
  return files.sort().map((file) => {
    const read = caseFile.safeParse(parse(readFileSync(join(CASES_FOLDER, file), "utf8")));
    if (!read.success) throw new Error(`${file}: ${z.prettifyError(read.error)}`);
    return { file, cases: read.data.cases };
  });
}

/** The bytes that a content stands for. */
export function bytesOf(content: Content): Buffer {
  if (typeof content === "string") return Buffer.from(content);
  if (Array.isArray(content)) {
    return Buffer.from(
      content.map((part) => (typeof part === "string" ? part : part.text.repeat(part.times))).join(""),
    );
  }
  return "json" in content ? Buffer.from(JSON.stringify(content.json)) : Buffer.from(content.base64, "base64");
}
