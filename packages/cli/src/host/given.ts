/** `T` with its optional properties also allowed to be undefined. */
export type Loose<T> = { readonly [K in keyof T]: Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K] };

/**
 * Options without those that are undefined. Unlike a conditional spread, a name that `T` does not have is a compile
 * error here.
 */
export function given<T extends object>(options: Loose<T>): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
