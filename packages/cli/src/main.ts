#!/usr/bin/env node
// Most of a short command's time is reading its own source. What Node compiled is kept for the next start, so this file
// is no more than what turns that on: whatever is imported before stays outside, in a worker as on the main thread.
import { enableCompileCache } from "node:module";
import { compileCacheDirectory } from "./host/compile-cache.ts";

const directory = compileCacheDirectory();
if (directory !== undefined) enableCompileCache(directory);
const { start } = await import("./start.ts");
await start(new URL(import.meta.url));
