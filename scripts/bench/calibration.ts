const ENTITIES = 256;
const OPERATIONS = 4_000_000;

/**
 * Nanoseconds of one operation of a fixed loop: take the earliest of 256 entities from a winner tree and give it a later
 * time. It is what a simulator does all day, and no code of the simulator is in it, so it changes with the machine and
 * nothing else.
 */
export function calibrationNs(): number {
  const keys = new Float64Array(ENTITIES).fill(Infinity);
  const winner = new Int32Array(2 * ENTITIES);
  for (let entity = 0; entity < ENTITIES; entity++) winner[ENTITIES + entity] = entity;
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 4294967296;
  };
  const set = (entity: number, key: number): void => {
    keys[entity] = key;
    for (let node = (ENTITIES + entity) >> 1; node >= 1; node >>= 1) {
      const left = winner[2 * node]!;
      const right = winner[2 * node + 1]!;
      winner[node] = keys[right]! < keys[left]! ? right : left;
    }
  };
  for (let entity = 0; entity < ENTITIES; entity++) set(entity, random());
  const started = performance.now();
  for (let operation = 0; operation < OPERATIONS; operation++) {
    const first = winner[1]!;
    set(first, keys[first]! + random());
  }
  return ((performance.now() - started) / OPERATIONS) * 1e6;
}
