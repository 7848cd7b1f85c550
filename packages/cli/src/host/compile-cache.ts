import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where Node keeps this command's compiled code from one start to the next: the user's own cache folder, because code
 * is run from it, and in the system's temporary folder another user could have put it there. NODE_COMPILE_CACHE names
 * another place, NODE_DISABLE_COMPILE_CACHE=1 turns it off; where nothing can be written, nothing is kept.
 *
 * @returns undefined for a user without a home
 */
export function compileCacheDirectory(): string | undefined {
  try {
    return join(homedir(), ".cache", "windtunnel", "compile-cache");
  } catch {
    return undefined;
  }
}
