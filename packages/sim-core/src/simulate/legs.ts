/** Legs of requests that are on their way between pods. */
export interface Legs {
  /** Key of the next thing that happens to one. */
  readonly nextKey: number;
  /** Something that a step's end or start sets off may happen in the same microsecond. */
  readonly actsAtOnce: boolean;
  /** Does what `nextKey` says. */
  run(): void;
}

/** Two kinds of legs as one; at one time the first's go first. */
export function bothLegs(first: Legs, second: Legs): Legs {
  return {
    get nextKey() {
      return first.nextKey <= second.nextKey ? first.nextKey : second.nextKey;
    },
    actsAtOnce: first.actsAtOnce || second.actsAtOnce,
    run() {
      if (first.nextKey <= second.nextKey) first.run();
      else second.run();
    },
  };
}
