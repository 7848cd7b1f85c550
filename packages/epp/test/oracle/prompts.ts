import type { CaseRandom } from "./case-random.ts";

const FAMILIES = 8;
const WORDS = ["model", "route", "cache", "token", "prefix", "naïve", "queue", "多", "batch", "the", "of", "🙂"];

/** Makes requests that share prefixes with each other, over the APIs that a prompt comes in. */
export class PromptMaker {
  readonly #random: CaseRandom;
  readonly #families: readonly string[];

  constructor(random: CaseRandom) {
    this.#random = random;
    this.#families = Array.from(
      { length: FAMILIES },
      (_, family) => `${family} ${this.#text(200 + random.below(3000))}`,
    );
  }

  body(): object {
    const random = this.#random;
    const model = random.pick(["m", "m", "n"]);
    const limits = random.chance(0.5) ? { max_tokens: 1 + random.below(400) } : {};
    const kind = random.next();
    if (kind < 0.5) return { model, prompt: this.#prompt(), ...limits };
    if (kind < 0.6) return { model, prompt: [this.#prompt(), this.#prompt()], ...limits };
    const system = { role: "system", content: random.pick(this.#families) };
    const user = { role: "user", content: this.#text(random.below(800)) };
    return { model, messages: [system, user], stream: random.chance(0.5), ...limits };
  }

  /** A prompt that shares nothing with any other. */
  coldBody(label: string): object {
    return { model: "m", prompt: `${label} ${this.#text(900)}` };
  }

  #prompt(): string {
    const family = this.#random.pick(this.#families);
    const kept = this.#random.chance(0.5) ? family : family.slice(0, this.#random.below(family.length));
    return kept + this.#text(this.#random.below(600));
  }

  #text(characters: number): string {
    let text = "";
    while (text.length < characters) text += `${this.#random.pick(WORDS)} ${this.#random.below(1000)} `;
    return text;
  }
}
