import type { FleetNetwork } from "../network/fleet-network.ts";
import type { LinkUser } from "../network/shared-links.ts";

/**
 * Carries KV blocks from replica to replica over the fleet's links, which all transfers share fairly. Without a network
 * nothing holds a transfer back, and only its set-up takes time.
 */
export class TransferPort {
  readonly #links: LinkUser;
  readonly #network: FleetNetwork | undefined;
  readonly #places: readonly number[] | undefined;
  readonly #replicas: number;
  readonly #setUpUs: number;
  /** Path of the links by `from * replicas + to`. */
  readonly #paths = new Map<number, number>();

  /** @param places by replica, where in the network it is; undefined: at its own number */
  constructor(
    links: LinkUser,
    network: FleetNetwork | undefined,
    places: readonly number[] | undefined,
    replicas: number,
    setUpUs: number,
  ) {
    this.#links = links;
    this.#network = network;
    this.#places = places;
    this.#replicas = replicas;
    this.#setUpUs = setUpUs;
  }

  /** @param tag the host's name for the transfer; those that end in the same microsecond go in its order */
  start(from: number, to: number, bytes: number, nowUs: number, tag: number): void {
    this.#links.start(this.#pathOf(from, to), bytes, nowUs, tag);
  }

  #pathOf(from: number, to: number): number {
    const key = from * this.#replicas + to;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    const [source, target] = [this.#places?.[from] ?? from, this.#places?.[to] ?? to];
    const { links, latencyUs, efficiencyFraction } = this.#network?.pathBetween(source, target) ?? UNBOUNDED;
    // The set-up keeps no link busy, so it may as well come at the end.
    const path = this.#links.links.path(links, { latencyUs: latencyUs + this.#setUpUs, efficiencyFraction });
    this.#paths.set(key, path);
    return path;
  }
}

const UNBOUNDED = { links: [], latencyUs: 0, efficiencyFraction: 1 };
