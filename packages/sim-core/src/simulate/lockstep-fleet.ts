import type { Engine } from "../engine/engine-listener.ts";
import { type LockstepEngine, LockstepGroup } from "../engine/lockstep-group.ts";
import type { EventTree } from "../kernel/event-tree.ts";
import type { PoolInput } from "./input.ts";

/** A group, its replicas, and the end of a step that their events follow. */
interface Place {
  readonly group: LockstepGroup;
  readonly first: number;
  end: number;
  keysOfUs: number;
}

/** The groups of replicas that step together, where pools have such. */
export class LockstepFleet {
  /** By replica; undefined for those that step by themselves. */
  readonly #places: (Place | undefined)[] = [];

  /** Takes in the fleet's next replica, the `index`-th of its pool; what the fleet drives in its place. */
  add(engine: LockstepEngine, { lockstepRanks: ranks, stepTime }: PoolInput, index: number): Engine {
    const { length: first } = this.#places;
    let place: Place | undefined;
    if (ranks !== undefined) {
      place =
        index % ranks > 0
          ? this.#places[first - 1]!
          : { group: new LockstepGroup(stepTime), first, end: first, keysOfUs: NaN };
      place.end++;
    }
    this.#places.push(place);
    return place?.group.join(engine) ?? engine;
  }

  /** A replica has done something: where that moved the end of its group's step, the events of all its ranks move too. */
  ran(replica: number, engines: readonly Engine[], tree: EventTree): void {
    const place = this.#places[replica];
    if (place === undefined || place.keysOfUs === place.group.endUs) return;
    place.keysOfUs = place.group.endUs;
    for (let rank = place.first; rank < place.end; rank++) tree.set(rank, engines[rank]!.nextKey);
  }
}
