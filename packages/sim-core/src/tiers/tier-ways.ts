import type { FleetNetwork, NetworkPath } from "../network/fleet-network.ts";
import type { Links } from "../network/links.ts";
import type { TierKind } from "./tier-kind.ts";

/** A way that blocks take. */
export interface TierWay {
  /** Of the links. */
  readonly path: number;
  /** Of its narrowest link, as payload. */
  readonly bytesPerUs: number;
  readonly latencyUs: number;
  /** Transfers under way that started on it. */
  underWay: number;
}

const UNBOUNDED: NetworkPath = { links: [], latencyUs: 0, efficiencyFraction: 1, crosses: "node" };

/** The ways between replicas and tiers over the fleet's links; without a network nothing holds a transfer back. */
export class TierWays {
  readonly #links: Links;
  readonly #network: FleetNetwork | undefined;
  readonly #places: readonly number[] | undefined;
  readonly #byPath = new Map<string, TierWay>();

  /** @param places by replica, where in the network it is; undefined: at its own number */
  constructor(network: FleetNetwork | undefined, places: readonly number[] | undefined, links: Links) {
    this.#network = network;
    this.#places = places;
    this.#links = links;
  }

  /** Between a tier and a replica's HBM. */
  toTier(replica: number, kind: TierKind, direction: "read" | "write"): TierWay {
    const place = this.#placeOf(replica);
    return this.#way(this.#network?.pathToTier(place, kind.storage, direction) ?? UNBOUNDED, kind.latencyUs.value);
  }

  /** Between a tier and the host's memory: the same without the way between that and HBM. */
  belowHost(replica: number, kind: TierKind, direction: "read" | "write"): TierWay {
    const place = this.#placeOf(replica);
    const whole = this.#network?.pathToTier(place, kind.storage, direction) ?? UNBOUNDED;
    const host = this.#network?.pathToTier(place, "hostDram", direction).links ?? [];
    const links = whole.links.filter((link) => !host.includes(link));
    return this.#way({ ...whole, links }, kind.latencyUs.value);
  }

  /** From what another replica's host keeps to a replica's HBM. */
  fromPeer(peer: number, replica: number, kind: TierKind): TierWay {
    const path = this.#network?.pathBetween(this.#placeOf(peer), this.#placeOf(replica));
    return this.#way(path ?? UNBOUNDED, kind.latencyUs.value);
  }

  #placeOf(replica: number): number {
    return this.#places?.[replica] ?? replica;
  }

  #way({ links, latencyUs: pathUs, efficiencyFraction }: NetworkPath, ownUs: number): TierWay {
    const latencyUs = pathUs + ownUs;
    const path = this.#links.path(links, { latencyUs, efficiencyFraction });
    // Ways of equal links are one, whoever asks.
    const key = `${path}`;
    const known = this.#byPath.get(key);
    if (known !== undefined) return known;
    const all = links.map((link) => this.#links.links[link]!);
    const bytesPerUs = (Math.min(...all.map((link) => link.bytesPerSecond)) * efficiencyFraction) / 1e6;
    const whole = all.reduce((sum, link) => sum + link.latencyUs, latencyUs);
    const made = { path, bytesPerUs, latencyUs: whole, underWay: 0 };
    this.#byPath.set(key, made);
    return made;
  }
}

/** How long a transfer would take if what started on its way before had an equal share of it throughout. */
export function expectedUs({ bytesPerUs, latencyUs, underWay }: TierWay, bytes: number): number {
  return latencyUs + (bytes * (1 + underWay)) / bytesPerUs;
}
