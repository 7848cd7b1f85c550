export { singleProfileHandler } from "./single-profile-handler.ts";
