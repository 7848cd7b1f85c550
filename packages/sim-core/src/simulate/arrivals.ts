import { FLOAT_ZERO } from "../kernel/float-zero.ts";
import { ReleaseHeap } from "../kernel/release-heap.ts";
import type { Workload, WorkloadStage } from "../workload/workload.ts";

const NONE = -1;

/**
 * When each row of a workload is sent: at its own time, some time after the row that releases it has ended, or, in a
 * closed loop, when a place is free. A stage starts when all rows of the one before have ended.
 */
export class Arrivals {
  readonly #workload: Workload;
  /** Of the workload, what every arrival asks for. */
  readonly #arrivalUs: Float64Array;
  readonly #count: number;
  readonly #stages: readonly WorkloadStage[];
  /** Rows released by each row, as linked lists; undefined for an open loop. */
  readonly #firstReleased: Int32Array | undefined;
  readonly #nextReleased: Int32Array | undefined;
  readonly #released = new ReleaseHeap();
  #stage = 0;
  #stageStartUs = FLOAT_ZERO;
  /** Next row of the stage that goes by its own time, and the first row after the stage. */
  #next = 0;
  #stageEnd = 0;
  #endedInStage = 0;
  /** Most in flight at once: of a closed loop, or of an open one's client. */
  #mostInFlight = Infinity;
  #closedLoop = false;
  #inFlight = 0;
  /** When a place in flight last became free. */
  #freedUs = FLOAT_ZERO;
  /** True when an ending request can cause an arrival. */
  readonly reactsToEnds: boolean;
  /** True when it can cause one at the very moment of its end. */
  readonly reactsAtOnce: boolean;
  nextUs = Infinity;
  nextRow: number = NONE;

  constructor(workload: Workload) {
    this.#workload = workload;
    this.reactsToEnds = workload.releasedBy !== undefined || workload.stages !== undefined;
    const { arrivalUs } = workload;
    this.#arrivalUs = arrivalUs;
    this.#count = workload.count;
    this.reactsAtOnce =
      workload.stages !== undefined ||
      (workload.releasedBy?.some((releasing, row) => releasing !== NONE && arrivalUs[row]! < 1) ?? false);
    this.#stages = workload.stages ?? [{ name: "all", firstRow: 0, rows: workload.count, startDelayUs: 0 }];
    if (workload.releasedBy !== undefined) {
      this.#firstReleased = new Int32Array(workload.count).fill(NONE);
      this.#nextReleased = new Int32Array(workload.count).fill(NONE);
      for (let row = workload.count - 1; row >= 0; row--) {
        const by = workload.releasedBy[row]!;
        if (by === NONE) continue;
        this.#nextReleased[row] = this.#firstReleased[by]!;
        this.#firstReleased[by] = row;
      }
    }
    this.#enterStage(0);
  }

  #enterStage(nowUs: number): void {
    const stage = this.#stages[this.#stage]!;
    this.#stageStartUs = nowUs + stage.startDelayUs;
    this.#next = stage.firstRow;
    this.#stageEnd = stage.firstRow + stage.rows;
    this.#endedInStage = 0;
    this.#closedLoop = stage.concurrency !== undefined;
    this.#mostInFlight = stage.concurrency ?? stage.maxInFlight ?? Infinity;
    this.#inFlight = 0;
    this.#freedUs = this.#stageStartUs;
    this.#skipReleased();
    this.#findNext();
    if (stage.rows === 0) this.#leaveStage(this.#stageStartUs);
  }

  #leaveStage(nowUs: number): void {
    if (this.#stage + 1 >= this.#stages.length) return;
    this.#stage++;
    this.#enterStage(nowUs);
  }

  /** Rows that another row releases do not go by their own time. */
  #skipReleased(): void {
    const { releasedBy } = this.#workload;
    if (releasedBy === undefined) return;
    while (this.#next < this.#stageEnd && releasedBy[this.#next] !== NONE) this.#next++;
  }

  #findNext(): void {
    let timeUs = Infinity;
    let row: number = NONE;
    if (this.#next < this.#stageEnd && this.#inFlight < this.#mostInFlight) {
      const ownUs = this.#closedLoop ? 0 : this.#stageStartUs + this.#workload.arrivalUs[this.#next]!;
      timeUs = ownUs > this.#freedUs ? ownUs : this.#freedUs;
      row = this.#next;
    }
    const releasedUs = this.#released.firstTimeUs;
    if (releasedUs < timeUs || (releasedUs === timeUs && this.#released.size > 0 && this.#released.firstRow < row)) {
      timeUs = releasedUs;
      row = this.#released.firstRow;
    }
    this.nextUs = timeUs;
    this.nextRow = row;
  }

  /** Takes the row `nextRow`, which arrives at `nextUs`. */
  take(): void {
    if (!this.reactsToEnds) {
      const next = ++this.#next;
      const more = next < this.#count;
      this.nextRow = more ? next : NONE;
      this.nextUs = more ? this.#arrivalUs[next]! : Infinity;
      return;
    }
    if (this.nextRow === this.#next) {
      this.#next++;
      this.#skipReleased();
    } else {
      this.#released.pop();
    }
    this.#inFlight++;
    this.#findNext();
  }

  /** The row has ended, for whatever reason; only where `reactsToEnds`. */
  ended(row: number, nowUs: number): void {
    if (this.#firstReleased !== undefined) {
      for (let next = this.#firstReleased[row]!; next !== NONE; next = this.#nextReleased![next]!) {
        this.#released.push(nowUs + this.#workload.arrivalUs[next]!, next);
      }
    }
    if (this.#inFlight-- === this.#mostInFlight && nowUs > this.#freedUs) this.#freedUs = nowUs;
    if (++this.#endedInStage === this.#stages[this.#stage]!.rows && this.#stages.length > 1) this.#leaveStage(nowUs);
    else if (this.#firstReleased !== undefined || this.#mostInFlight < Infinity) this.#findNext();
  }
}
