import type { LoraAdapters } from "@windtunnel/router-policies";
import type { EngineListener } from "../engine/engine-listener.ts";
import type { LoraParts } from "../engine/lora-slots.ts";
import type { RequestsInFlight } from "../engine/requests-in-flight.ts";
import type { Workload } from "../workload/workload.ts";
import type { PoolInput } from "./input.ts";
import { withItemRows } from "./item-rows.ts";
import { LoraGauge } from "./lora-gauge.ts";
import type { AdapterLoads, LoraColumns, RequestColumns } from "./result.ts";

/** What the adapters of a fleet need of the simulation that they are part of. */
interface LoraHost {
  readonly requests: RequestsInFlight;
  readonly columns: Pick<RequestColumns, "count" | "scheduledUs">;
  readonly nowUs: number;
}

interface Member {
  readonly gauge: LoraGauge;
  readonly loads: { -readonly [K in keyof AdapterLoads]: AdapterLoads[K] };
}

/** The LoRA adapters of a fleet: what its engines know of them, what their endpoints show, and what a run tells. */
export class LoraFleet {
  readonly columns: LoraColumns;
  readonly #host: LoraHost;
  /** By row, those of items that are encoded for others included. */
  readonly #adapterOfRow: Int32Array;
  /** By replica; undefined where it serves none. */
  readonly #members: (Member | undefined)[];

  constructor({ adapterOf, adapters = [], count, items }: Workload, pools: readonly PoolInput[], host: LoraHost) {
    this.#host = host;
    this.columns = {
      adapters,
      adapterOf: adapterOf ?? new Int32Array(count).fill(-1),
      loadUs: new Float64Array(count),
      skippedUs: new Float64Array(count).fill(NaN),
    };
    this.#adapterOfRow = withItemRows(this.columns.adapterOf, items);
    this.#members = pools.flatMap(({ lora, replicas }) =>
      Array.from({ length: replicas }, () =>
        lora === undefined
          ? undefined
          : { gauge: new LoraGauge(adapters, lora.maxLoras), loads: { fromHost: 0, fromStorage: 0, waitUs: 0 } },
      ),
    );
  }

  /** What the engine of a replica needs; null where it serves no adapters. */
  parts(replica: number, { lora }: PoolInput): LoraParts | null {
    const member = this.#members[replica];
    if (lora === undefined || member === undefined) return null;
    const { requests, columns } = this.#host;
    const { adapters, loadUs, skippedUs } = this.columns;
    return {
      ...{ profile: lora, adapterOf: this.#adapterOfRow, adapters: adapters.length },
      listener: {
        loaded: (slot, us, fromStorage) => {
          if (fromStorage) member.loads.fromStorage++;
          else member.loads.fromHost++;
          member.loads.waitUs += us;
          const row = requests.row[slot]!;
          if (Number.isNaN(columns.scheduledUs[row]!)) loadUs[row] = us;
        },
        skipped: (slot) => {
          const row = requests.row[slot]!;
          const first = Number.isNaN(skippedUs[row]!) && Number.isNaN(columns.scheduledUs[row]!);
          if (first) skippedUs[row] = this.#host.nowUs;
        },
      },
    };
  }

  /** Hears of the requests in the engine of a replica, before `inner` does. */
  listener(replica: number, inner: EngineListener): EngineListener {
    const gauge = this.#members[replica]?.gauge;
    if (gauge === undefined) return inner;
    return {
      scheduled: (slot, cachedTokens) => inner.scheduled(slot, cachedTokens),
      firstToken: (slot) => {
        const adapter = this.#adapterOf(slot);
        if (adapter >= 0) gauge.firstToken(slot, adapter);
        inner.firstToken(slot);
      },
      preempted: (slot) => inner.preempted(slot),
      finished: (slot) => {
        gauge.ended(slot, this.#adapterOf(slot));
        inner.finished(slot);
      },
    };
  }

  /** The request has left the engine of a replica without having been done. */
  left(replica: number, slot: number): void {
    this.#members[replica]?.gauge.ended(slot, this.#adapterOf(slot));
  }

  /** What a scrape of a replica shows; undefined where it serves no adapters. */
  shown(replica: number): LoraAdapters | undefined {
    return this.#members[replica]?.gauge.shown;
  }

  loadsOf(replica: number): AdapterLoads | undefined {
    return this.#members[replica]?.loads;
  }

  #adapterOf(slot: number): number {
    return this.#adapterOfRow[this.#host.requests.row[slot]!]!;
  }
}
