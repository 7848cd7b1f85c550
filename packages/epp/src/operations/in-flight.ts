import type { Flight } from "../host/flight.ts";
import type { Observer } from "../host/observer.ts";

/** The requests on their way, for those who look on. */
export class InFlight implements Observer {
  readonly #flights = new Set<Flight>();

  dispatched(flight: Flight): void {
    this.#flights.add(flight);
  }

  responseEnded(flight: Flight): void {
    this.#flights.delete(flight);
  }

  get flights(): Iterable<Flight> {
    return this.#flights;
  }

  /** Requests by `ip:port`: each counts once at the first target of every profile that ran, as upstream counts. */
  byAddress(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const flight of this.#flights) {
      for (const address of firstTargets(flight)) counts.set(address, (counts.get(address) ?? 0) + 1);
    }
    return counts;
  }
}

/** The first target of every profile; of a request without profiles, its own. */
export function firstTargets({ profiles, targets }: Flight): readonly string[] {
  if (profiles.length === 0) return targets.slice(0, 1);
  return profiles.flatMap((profile) => profile.targets.slice(0, 1));
}
