import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { EndpointFacts, EndpointMetrics, HostEndpoint, KvEvent } from "@windtunnel/router-policies";
import type { ArrivedRequest } from "../host/arrived-request.ts";
import type { Clock } from "../host/clock.ts";
import type { Flight, Refusal } from "../host/flight.ts";
import type { Log } from "../host/log.ts";
import type { Observer } from "../host/observer.ts";
import { EndpointLog } from "./endpoint-log.ts";
import { type NotedReads, notedRequest } from "./noted-request.ts";
import { recordedFacts } from "./recorded-facts.ts";
import { RecordingError } from "./recording-error.ts";
import {
  RECORDING_VERSION,
  type RecordedConfiguration,
  type RecordedDecision,
  type RecordedEnd,
  type RecordedEvent,
  type RecordedShadow,
  type RecordingHeader,
} from "./recording-line.ts";
import { SafeNames } from "./safe-names.ts";
import { Salt } from "./salt.ts";
import { SegmentWriter } from "./segment-writer.ts";

const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Folders smaller than this could not hold a few seconds. */
const MIN_BYTES = 64 * 1024;
/** Blocks that are recorded of a request none of whose blocks a policy asked for. */
const OWN_BLOCK_SIZE_TOKENS = 64;

export interface RecorderOptions {
  readonly directory: string;
  /** Of all segments in the folder; the oldest go. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  /** What the live router was built from. */
  readonly configuration: RecordedConfiguration;
  readonly seed: string;
  readonly ignoreSubset: boolean;
  /** What may wait for the disk; 32 MiB unless given. */
  readonly maxWaitingBytes?: number;
}

/** A request that the router decides on. */
interface Deciding {
  readonly request: ArrivedRequest;
  readonly reads: NotedReads;
  readonly scraped: readonly number[];
  readonly atUs: number;
}

/** What recording has come to; all only grow. */
export interface RecorderCounters {
  readonly lines: number;
  /** Left out because the disk was too slow. */
  readonly droppedLines: number;
  /** Compressed. */
  readonly bytes: number;
  readonly segments: number;
}

/**
 * Writes down everything that reaches the live router, and what came of it, so that a replay decides the same; never
 * content: block keys, flows, sessions and header values are salted with a secret that nobody ever sees.
 */
export class Recorder implements Observer {
  readonly #options: RecorderOptions;
  readonly #run = randomBytes(8).toString("hex");
  readonly #salt = new Salt();
  readonly #names = new SafeNames(this.#salt);
  readonly #endpoints = new EndpointLog();
  readonly #requests = new Map<Flight, number>();
  readonly #wallClockOriginMs: number;
  readonly #writer: SegmentWriter;
  #next = 0;
  #deciding: Deciding | undefined;
  #broken = false;

  /** @throws RecordingError when the folder cannot be used */
  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#wallClockOriginMs = Date.now() - options.clock.nowUs() / 1000;
    const { directory, maxBytes } = options;
    if (maxBytes < MIN_BYTES) {
      throw new RecordingError(`--record-max-size: ${maxBytes} bytes are too few, allowed: ${MIN_BYTES} and more`);
    }
    try {
      mkdirSync(directory, { recursive: true, mode: 0o750 });
      this.#writer = new SegmentWriter({
        directory,
        maxBytes,
        maxWaitingBytes: options.maxWaitingBytes ?? MAX_WAITING_BYTES,
        header: (segment) => JSON.stringify(this.#header(segment)),
        gap: (lines) => lineOf(["gap", options.clock.nowUs(), lines]),
        failed: (error) =>
          options.log.error({ error: error.message }, "recording has ended: the folder cannot be written"),
      });
    } catch (error) {
      throw new RecordingError(`--record ${directory}: cannot be written (${(error as NodeJS.ErrnoException).code})`);
    }
  }

  get counters(): RecorderCounters {
    return this.#writer.counters;
  }

  /** Resolves when everything is on disk. */
  close(): Promise<void> {
    return this.#writer.close();
  }

  endpointAdded(endpoint: HostEndpoint, { name, namespace, address, labels }: EndpointFacts, nowUs: number): void {
    this.#safely(() => {
      const facts = { name, namespace, address, labels };
      this.#names.endpointAdded(facts);
      this.#write(["endpoint", nowUs, this.#endpoints.add(endpoint, facts), facts]);
    });
  }

  endpointRemoved(endpoint: HostEndpoint, nowUs: number): void {
    this.#safely(() => {
      const number = this.#endpoints.remove(endpoint);
      if (number === undefined) return;
      this.#names.endpointRemoved(endpoint);
      this.#write(["gone", nowUs, number]);
    });
  }

  metricsScraped(endpoint: HostEndpoint, scraped: Partial<EndpointMetrics>, nowUs: number): void {
    this.#safely(() => {
      const changed = this.#endpoints.changed(endpoint, scraped);
      if (changed !== undefined) this.#write(["metrics", nowUs, this.#endpoints.numberOf(endpoint)!, changed]);
    });
  }

  kvEvent(endpoint: HostEndpoint, { type, medium, blockSizeTokens, keys }: KvEvent, nowUs: number): void {
    this.#safely(() => {
      const number = this.#endpoints.numberOf(endpoint);
      if (number === undefined) return;
      const salted = keys === undefined ? null : this.#salt.keys(keys);
      this.#write(["kv", nowUs, number, type, medium, blockSizeTokens, salted]);
    });
  }

  deciding(request: ArrivedRequest, nowUs: number): ArrivedRequest {
    if (this.#broken) return request;
    this.#safely(() => this.#settleThrown());
    const { seen, reads } = notedRequest(
      request,
      (keys) => this.#salt.keys(keys),
      (error) => this.#fail(error),
    );
    this.#deciding = { request, reads, scraped: this.#endpoints.takeRefreshed(nowUs), atUs: nowUs };
    return seen;
  }

  dispatched(flight: Flight): void {
    this.#safely(() => {
      const number = this.#next++;
      this.#requests.set(flight, number);
      this.#decided(number, flight.request, flight.decidedAtUs, this.#decisionOf(flight));
    });
  }

  refused({ request, status, reason, decidedAtUs, decisionUs }: Refusal): void {
    this.#safely(() => {
      const decision = { refused: status, ...(reason === undefined ? {} : { reason }), decisionUs };
      this.#decided(this.#next++, request, decidedAtUs, decision);
    });
  }

  /** What a candidate would have done with the request that was decided on last. */
  shadowed({ targets, ...shadow }: Omit<RecordedShadow, "to"> & { readonly targets: readonly string[] }): void {
    this.#safely(() => {
      const to = targets.map((address) => this.#endpoints.numberAt(address));
      this.#write(["shadow", this.#options.clock.nowUs(), this.#next - 1, { to, ...shadow }]);
    });
  }

  responseStarted(flight: Flight, nowUs: number): void {
    this.#safely(() => {
      const number = this.#requests.get(flight);
      if (number !== undefined) this.#write(["started", nowUs, number]);
    });
  }

  responseEnded(flight: Flight, nowUs: number): void {
    this.#safely(() => {
      const number = this.#requests.get(flight);
      if (number === undefined) return;
      this.#requests.delete(flight);
      this.#write(["ended", nowUs, number, this.#endOf(flight)]);
    });
  }

  #decided(number: number, request: ArrivedRequest, atUs: number, decision: RecordedDecision): void {
    const known = this.#deciding?.request === request ? this.#deciding : undefined;
    if (known === undefined) this.#settleThrown();
    this.#deciding = undefined;
    if (known !== undefined && known.reads.keys.length === 0 && request.promptTokens > 0) {
      known.reads.keys.push(this.#ownKeys(request));
    }
    // Without a body nothing reads metrics: the times of scrapes can wait.
    const facts = recordedFacts(request, known?.reads, known?.scraped ?? [], atUs, this.#names);
    this.#write([known === undefined ? "bodyless" : "request", atUs, number, facts, decision]);
  }

  /** A simulation wants to know what prompts share, whether or not this configuration does. */
  #ownKeys(request: ArrivedRequest): NotedReads["keys"][number] {
    return [OWN_BLOCK_SIZE_TOKENS, 1, 0, this.#salt.keys(request.promptKeys(OWN_BLOCK_SIZE_TOKENS, true, 0))];
  }

  /** A decision that nobody was told the outcome of has thrown; the router may have been changed by it all the same. */
  #settleThrown(): void {
    const deciding = this.#deciding;
    if (deciding === undefined) return;
    this.#deciding = undefined;
    const facts = recordedFacts(deciding.request, deciding.reads, deciding.scraped, deciding.atUs, this.#names);
    this.#write(["request", deciding.atUs, this.#next++, facts, { threw: true }]);
  }

  #decisionOf({ targets, ticket, profiles, decisionUs, record }: Flight): RecordedDecision {
    const numbers = (addresses: readonly string[]) => addresses.map((address) => this.#endpoints.numberAt(address));
    const margin = record?.profiles.find(({ primary }) => primary)?.margin ?? undefined;
    return {
      to: numbers(targets),
      ticket,
      ...(profiles.length > 1 ? { profiles: profiles.map((one) => [one.profile, numbers(one.targets)] as const) } : {}),
      decisionUs,
      ...(margin === undefined ? {} : { margin }),
    };
  }

  #endOf({ end, status, usage, responseBytes, served, targets }: Flight): RecordedEnd {
    return {
      end: end ?? "aborted",
      ...(status === undefined ? {} : { status }),
      ...(usage === undefined ? {} : { promptTokens: usage.promptTokens, outputTokens: usage.outputTokens }),
      ...(usage?.cachedTokens === undefined ? {} : { cachedTokens: usage.cachedTokens }),
      bytes: responseBytes,
      ...(served === undefined || served === targets[0] ? {} : { served: this.#endpoints.numberAt(served) }),
    };
  }

  #header(segment: number): RecordingHeader {
    const { clock, configuration, seed, ignoreSubset } = this.#options;
    return {
      windtunnelRecording: RECORDING_VERSION,
      run: this.#run,
      segment,
      wallClockOriginMs: this.#wallClockOriginMs,
      startedAtUs: clock.nowUs(),
      ...{ configuration, seed, ignoreSubset },
      endpoints: this.#endpoints.snapshot(),
    };
  }

  #write(event: RecordedEvent): void {
    this.#writer.write(lineOf(event));
  }

  /** A defect here ends the recording, not the request. */
  #safely(action: () => void): void {
    if (this.#broken) return;
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#broken = true;
    this.#requests.clear();
    this.#options.log.error({ error: String(error) }, "recording has ended: it failed");
    void this.#writer.close();
  }
}

const lineOf = (event: RecordedEvent): string => JSON.stringify(event);
