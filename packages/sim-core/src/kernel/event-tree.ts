/**
 * Winner tree with one pending event per entity, whose key can change at any time. Equal keys go to the lower entity,
 * so the order is total. Cheaper than a heap for few entities with frequent changes of key.
 */
export class EventTree {
  readonly #leaves: number;
  readonly #keys: Float64Array;
  /** winner[n] is the entity that wins the subtree of node n; leaves are implicit. */
  readonly #winner: Int32Array;

  constructor(entities: number) {
    let leaves = 2;
    while (leaves < entities) leaves *= 2;
    this.#leaves = leaves;
    this.#keys = new Float64Array(leaves).fill(Infinity);
    this.#winner = new Int32Array(2 * leaves);
    for (let leaf = 0; leaf < leaves; leaf++) this.#winner[leaves + leaf] = leaf;
    for (let node = leaves - 1; node >= 1; node--) this.#winner[node] = this.#winner[2 * node]!;
  }

  /** The entity with the smallest key; any entity when none is pending. */
  get first(): number {
    return this.#winner[1]!;
  }

  /** Its key; Infinity when no event is pending. */
  get firstKey(): number {
    return this.#keys[this.#winner[1]!]!;
  }

  keyOf(entity: number): number {
    return this.#keys[entity]!;
  }

  /** Sets the entity's key; Infinity = no event. */
  set(entity: number, key: number): void {
    const keys = this.#keys;
    if (keys[entity] === key) return;
    keys[entity] = key;
    const winner = this.#winner;
    for (let node = (this.#leaves + entity) >> 1; node >= 1; node >>= 1) {
      const left = winner[2 * node]!;
      const right = winner[2 * node + 1]!;
      // Left holds the lower entities: on equal keys it wins.
      const best = keys[right]! < keys[left]! ? right : left;
      // The same other entity wins here as before: nothing changes further up.
      if (winner[node] === best && best !== entity) return;
      winner[node] = best;
    }
  }
}
