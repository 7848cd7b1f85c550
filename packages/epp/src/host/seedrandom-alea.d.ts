/** `@types/seedrandom` describes the whole package only; this is its one generator that the kernel uses. */
declare module "seedrandom/lib/alea.js" {
  const alea: (seed: string) => () => number;
  export default alea;
}
