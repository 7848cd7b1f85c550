import type { ProcessingRequest, ProcessingResponse, StructValue } from "../../../src/wire/ext-proc.ts";
import { bytesOf, type Content, type ContractCase, type MessageIn, type MessageOut } from "./case-format.ts";

const DESTINATION = "x-gateway-destination-endpoint";
const SCORES = "x-gateway-destination-endpoint-scores";
const SCORE_TOLERANCE = 1e-6;

/** What comes back on a stream: messages, then its end. */
export type Answer = ProcessingResponse | { readonly end: "clean" | "failed" };

/** The picker's side of one stream, as the player sees it. */
export interface Peer {
  send(message: ProcessingRequest): void;
  /** The next message or the end; undefined where nothing came in time. */
  next(): Promise<Answer | undefined>;
  /** The gateway sends no more. */
  halfClose(): void;
}

/** Plays a case; gives what was not as it says, in one line, or undefined. */
export async function playCase({ messages }: ContractCase, peer: Peer): Promise<string | undefined> {
  let ended = false;
  for (const [index, message] of messages.entries()) {
    if ("in" in message) {
      peer.send(requestOf(message.in));
      continue;
    }
    const answer = await peer.next();
    const difference = differenceOf(message.out, answer);
    if (difference !== undefined) return `message ${index + 1}: ${difference}`;
    ended = message.out.end !== undefined;
  }
  if (ended) return undefined;
  peer.halfClose();
  const last = await peer.next();
  return last !== undefined && "end" in last ? undefined : `after the last message: ${told(last)}`;
}

function requestOf({ endOfStream = false, metadata, ...phases }: MessageIn): ProcessingRequest {
  const context =
    metadata === undefined
      ? {}
      : {
          metadataContext: {
            filterMetadata: Object.fromEntries(
              Object.entries(metadata).map(([namespace, fields]) => [namespace, { fields: valuesOf(fields) }]),
            ),
          },
        };
  const [[phase, value] = ["", undefined]] = Object.entries(phases).filter(([, each]) => each !== undefined);
  if (phase.endsWith("Body")) return { [phase]: { body: bytesOf(value as Content), endOfStream }, ...context };
  const headers = Object.entries(value as NonNullable<MessageIn["requestHeaders"]>).map(([key, given]) =>
    typeof given === "string" ? { key, rawValue: Buffer.from(given) } : { key, value: given.value },
  );
  const map = { headers };
  return { [phase]: phase.endsWith("Trailers") ? { trailers: map } : { headers: map, endOfStream }, ...context };
}

function valuesOf(fields: Readonly<Record<string, unknown>>): Record<string, StructValue> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, structValue(value)]));
}

function structValue(value: unknown): StructValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "number") return { numberValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(structValue) } };
  if (value === null) return { nullValue: 0 };
  return { structValue: { fields: valuesOf(value as Record<string, unknown>) } };
}

function differenceOf(wanted: MessageOut, answer: Answer | undefined): string | undefined {
  if (answer === undefined) return `nothing came, wanted ${phaseOf(wanted)}`;
  if ("end" in answer)
    return answer.end === wanted.end ? undefined : `the stream's end (${answer.end}), wanted ${phaseOf(wanted)}`;
  if (phaseOf(wanted) !== phaseOf(answer)) return `${told(answer)}, wanted ${phaseOf(wanted)}`;
  if (wanted.immediateResponse !== undefined) return immediateDifference(wanted.immediateResponse, answer);
  if (wanted.requestHeaders !== undefined) return routingDifference(wanted, answer);
  if (wanted.responseHeaders !== undefined) {
    return headersDifference(wanted.responseHeaders, headersOf(answer.responseHeaders?.response.headerMutation));
  }
  const body = wanted.requestBody ?? wanted.responseBody;
  return body === undefined ? undefined : bodyDifference(body, wanted.endOfStream ?? false, answer);
}

function routingDifference(wanted: MessageOut, answer: ProcessingResponse): string | undefined {
  const { response } = answer.requestHeaders!;
  if (response.clearRouteCache !== true) return "the route cache is not cleared";
  const set = headersOf(response.headerMutation);
  const inMetadata = answer.dynamicMetadata?.fields["envoy.lb"]?.structValue?.fields ?? {};
  const destination = inMetadata[DESTINATION]?.stringValue;
  if (destination !== set[DESTINATION]) return `header ${set[DESTINATION]}, metadata ${destination}: they must agree`;
  const difference = headersDifference(wanted.requestHeaders!, set);
  if (difference !== undefined) return difference;
  const removed = (response.headerMutation?.removeHeaders ?? []).join(", ");
  if (wanted.removeHeaders !== undefined && removed !== wanted.removeHeaders.join(", ")) {
    return `removes "${removed}", wanted "${wanted.removeHeaders.join(", ")}"`;
  }
  if (wanted.scores === undefined) return undefined;
  return scoresDifference(wanted.scores, inMetadata[SCORES]?.structValue?.fields ?? {});
}

function scoresDifference(
  wanted: Readonly<Record<string, number>>,
  told: Readonly<Record<string, StructValue>>,
): string | undefined {
  const addresses = new Set([...Object.keys(wanted), ...Object.keys(told)]);
  for (const address of addresses) {
    const score = told[address]?.numberValue;
    const isEqual = Math.abs((score ?? Number.NaN) - (wanted[address] ?? Number.NaN)) <= SCORE_TOLERANCE;
    if (!isEqual) return `score of ${address}: ${score}, wanted ${wanted[address]}`;
  }
  return undefined;
}

function immediateDifference(
  wanted: NonNullable<MessageOut["immediateResponse"]>,
  { immediateResponse }: ProcessingResponse,
): string | undefined {
  const { status, headers, body } = immediateResponse!;
  const found = { status: status.code, body: Buffer.from(body ?? []).toString(), headers: headersOf(headers) };
  const whole = { status: wanted.status, body: wanted.body, headers: wanted.headers ?? {} };
  const [left, right] = [JSON.stringify(found), JSON.stringify(whole)];
  return left === right ? undefined : `answered ${left}, wanted ${right}`;
}

function headersDifference(
  wanted: NonNullable<MessageOut["requestHeaders"]>,
  set: Readonly<Record<string, string>>,
): string | undefined {
  for (const [name, value] of Object.entries(wanted)) {
    const found = set[name];
    const isRight =
      typeof value === "object" && value !== null ? value.oneOf.includes(found ?? "") : found === (value ?? undefined);
    if (!isRight) return `header ${name}: ${JSON.stringify(found)}, wanted ${JSON.stringify(value)}`;
  }
  return undefined;
}

function bodyDifference(wanted: Content, endOfStream: boolean, answer: ProcessingResponse): string | undefined {
  const part = answer.requestBody ?? answer.responseBody;
  const streamed = part?.response.bodyMutation?.streamedResponse;
  if (streamed === undefined) return "a body that is not streamed";
  const body = Buffer.from(streamed.body ?? []);
  if ((streamed.endOfStream ?? false) !== endOfStream)
    return `end of stream ${streamed.endOfStream}, wanted ${endOfStream}`;
  const isJson = typeof wanted === "object" && "json" in wanted;
  const isEqual = isJson ? sameJson(wanted.json, body) : body.equals(bytesOf(wanted));
  return isEqual ? undefined : `body ${clip(body.toString())}, wanted ${clip(bytesOf(wanted).toString())}`;
}

/** Members of an object may come in any order. */
function sameJson(wanted: unknown, body: Buffer): boolean {
  try {
    return JSON.stringify(sorted(JSON.parse(body.toString()))) === JSON.stringify(sorted(wanted));
  } catch {
    return false;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, each]) => [key, sorted(each)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function headersOf(
  mutation:
    | {
        readonly setHeaders?: readonly {
          readonly header: { readonly key: string; readonly value?: string; readonly rawValue?: Uint8Array };
        }[];
      }
    | undefined,
): Record<string, string> {
  return Object.fromEntries(
    (mutation?.setHeaders ?? []).map(({ header: { key, value, rawValue } }) => [
      key.toLowerCase(),
      rawValue !== undefined && rawValue.length > 0 ? Buffer.from(rawValue).toString() : (value ?? ""),
    ]),
  );
}

function phaseOf(message: object): string {
  const { endOfStream, scores, removeHeaders, dynamicMetadata, ...phases } = message as Record<string, unknown>;
  return Object.keys(phases).find((name) => phases[name] !== undefined && phases[name] !== null) ?? "nothing";
}

function told(answer: Answer | undefined): string {
  return answer === undefined ? "nothing came" : `a message ${clip(JSON.stringify(readable(answer)))}`;
}

/** Bytes as text. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return clip(Buffer.from(value).toString());
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, readable(each)]));
}

function clip(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 200)}… (${text.length} characters)`;
}
