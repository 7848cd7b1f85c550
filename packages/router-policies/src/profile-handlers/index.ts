export { dataParallelProfileHandler } from "./data-parallel-profile-handler.ts";
export { disaggProfileHandler } from "./disagg-profile-handler.ts";
export { headerProfileHandler } from "./header-profile-handler.ts";
export { singleProfileHandler } from "./single-profile-handler.ts";
