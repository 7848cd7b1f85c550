/** The usual estimate for English text. */
export const CHARACTERS_PER_TOKEN = 4;

/** Said of every trace that gives texts instead of token counts. */
export const ESTIMATE_NOTE = "token counts are estimates: one token for every 4 characters";

export function estimatedTokens(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}
