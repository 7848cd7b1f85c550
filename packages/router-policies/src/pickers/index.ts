export { leastConnectionsPicker } from "./least-connections-picker.ts";
export { maxScorePicker } from "./max-score-picker.ts";
export { powerOfTwoChoicesPicker } from "./power-of-two-choices-picker.ts";
export { randomPicker } from "./random-picker.ts";
export { roundRobinPicker } from "./round-robin-picker.ts";
export { weightedRandomPicker } from "./weighted-random-picker.ts";
