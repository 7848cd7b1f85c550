/** The floor of a model that says nothing about hardware: nothing is impossible to it. */
export function noFloorUs(): number {
  return 0;
}
