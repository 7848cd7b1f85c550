/**
 * Winner tree with one pending event per entity, whose key can change at any time. Equal keys go to the lower entity,
 * so the order is total. Cheaper than a heap for few entities with frequent changes of key.
 */
export class EventTree {
  readonly #leaves: number;
  /** By node, 1 being the root and the entities' own nodes the last half: the smallest key below it, and whose that is. */
  readonly #keys: Float64Array;
  readonly #winners: Int32Array;

  constructor(entities: number) {
    let leaves = 2;
    while (leaves < entities) leaves *= 2;
    this.#leaves = leaves;
    this.#keys = new Float64Array(2 * leaves).fill(Infinity);
    this.#winners = new Int32Array(2 * leaves);
    for (let leaf = 0; leaf < leaves; leaf++) this.#winners[leaves + leaf] = leaf;
    for (let node = leaves - 1; node >= 1; node--) this.#winners[node] = this.#winners[2 * node]!;
  }

  /** The entity with the smallest key; any entity when none is pending. */
  get first(): number {
    return this.#winners[1]!;
  }

  /** Its key; Infinity when no event is pending. */
  get firstKey(): number {
    return this.#keys[1]!;
  }

  keyOf(entity: number): number {
    return this.#keys[this.#leaves + entity]!;
  }

  /** Sets the entity's key; Infinity = no event. */
  set(entity: number, key: number): void {
    const keys = this.#keys;
    let node = this.#leaves + entity;
    if (keys[node] === key) return;
    keys[node] = key;
    const winners = this.#winners;
    let best = entity;
    // Read back, as what the array gives is known to be a float: a mix with the argument would be boxed at every level.
    let bestKey = keys[node]!;
    while (node > 1) {
      const sibling = node ^ 1;
      const siblingKey = keys[sibling]!;
      // Even nodes hold the lower entities: on equal keys they win.
      if (siblingKey < bestKey || (siblingKey === bestKey && sibling < node)) {
        best = winners[sibling]!;
        bestKey = siblingKey;
      }
      node >>= 1;
      // The same other entity wins here as before: nothing changes further up.
      if (best !== entity && winners[node] === best) return;
      winners[node] = best;
      keys[node] = bestKey;
    }
  }
}
