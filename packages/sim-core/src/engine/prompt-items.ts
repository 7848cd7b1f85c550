/** The multimodal items in the prompts of the requests of an engine, as far as it encodes them itself. */
export interface PromptItems {
  /** Tokens of the largest that there is. */
  readonly largestTokens: number;
  /** Whether the request is an item that another pod has asked for, its prompt that alone. */
  encodesForOther(slot: number): boolean;
  /** The request's first item, and the one after its last; equal where it has none. */
  firstOf(slot: number): number;
  endOf(slot: number): number;
  /** Where an item begins in the request's prompt, and how many tokens of it are its own. */
  startTokens(slot: number, item: number): number;
  tokens(item: number): number;
}
