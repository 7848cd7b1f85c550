/** Objects and arrays in one another at most, as Go's encoding/json. */
export const MAX_DEPTH = 10_000;

const END = "unexpected end of JSON input";
const LITERALS: Readonly<Record<string, string>> = { t: "true", f: "false", n: "null" };

/**
 * What is wrong with bytes that are not JSON, in the words of Go's encoding/json, which are what upstream answers with;
 * undefined where nothing is. A second reading, for bodies that `JSON.parse` has refused.
 */
export function jsonSyntaxFault(bytes: Uint8Array): string | undefined {
  return new Scanner(bytes).fault();
}

/** What may come next between tokens. */
type Expect = "value" | "value-or-end" | "key" | "key-or-end" | "colon" | "comma" | "nothing";

class Scanner {
  readonly #bytes: Uint8Array;
  #at = 0;
  #fault: string | undefined;
  /** Closing brackets of the open containers. */
  readonly #open: string[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  fault(): string | undefined {
    let expect: Expect = "value";
    for (;;) {
      while (isSpace(this.#bytes[this.#at])) this.#at++;
      if (this.#at >= this.#bytes.length) return expect === "nothing" ? undefined : END;
      expect = this.#token(expect);
      if (this.#fault !== undefined) return this.#fault;
    }
  }

  #token(expect: Expect): Expect {
    const character = this.#peek();
    switch (expect) {
      case "value":
      case "value-or-end":
        if (character === "]" && expect === "value-or-end") return this.#close();
        return this.#value(character);
      case "key":
      case "key-or-end":
        if (character === "}" && expect === "key-or-end") return this.#close();
        if (character !== '"') return this.#refuse("looking for beginning of object key string");
        this.#string();
        return "colon";
      case "colon":
        if (character !== ":") return this.#refuse("after object key");
        this.#at++;
        return "value";
      case "comma":
        return this.#afterValue(character);
      case "nothing":
        return this.#refuse("after top-level value");
    }
  }

  #value(character: string): Expect {
    if (character === "{" || character === "[") {
      if (this.#open.length >= MAX_DEPTH) return this.#refuse("exceeded max depth");
      this.#at++;
      this.#open.push(character === "{" ? "}" : "]");
      return character === "{" ? "key-or-end" : "value-or-end";
    }
    if (character === '"') this.#string();
    else if (character === "-" || isDigit(character)) this.#number();
    else if (LITERALS[character] !== undefined) this.#literal(LITERALS[character]);
    else return this.#refuse("looking for beginning of value");
    return this.#open.length === 0 ? "nothing" : "comma";
  }

  #afterValue(character: string): Expect {
    const closing = this.#open.at(-1);
    if (character === closing) return this.#close();
    if (character !== ",") return this.#refuse(closing === "}" ? "after object key:value pair" : "after array element");
    this.#at++;
    return closing === "}" ? "key" : "value";
  }

  #close(): Expect {
    this.#at++;
    this.#open.pop();
    return this.#open.length === 0 ? "nothing" : "comma";
  }

  #string(): void {
    this.#at++;
    for (;;) {
      while (isPlain(this.#bytes[this.#at])) this.#at++;
      if (this.#at >= this.#bytes.length) {
        this.#fault = END;
        return;
      }
      const character = this.#peek();
      if (character === '"') {
        this.#at++;
        return;
      }
      if (character < " ") return void this.#refuse("in string literal");
      this.#at++;
      if (character === "\\") {
        this.#escape();
        if (this.#fault !== undefined) return;
      }
    }
  }

  #escape(): void {
    const character = this.#peek();
    if (!'bfnrt\\/"u'.includes(character)) return void this.#refuse("in string escape code");
    this.#at++;
    if (character !== "u") return;
    for (let i = 0; i < 4; i++) {
      if (!/[0-9a-fA-F]/.test(this.#peek())) return void this.#refuse("in \\u hexadecimal character escape");
      this.#at++;
    }
  }

  #number(): void {
    if (this.#peek() === "-") this.#at++;
    if (!isDigit(this.#peek())) return void this.#refuse("in numeric literal");
    if (this.#peek() === "0") this.#at++;
    else this.#digits();
    if (this.#peek() === ".") {
      this.#at++;
      if (!isDigit(this.#peek())) return void this.#refuse("after decimal point in numeric literal");
      this.#digits();
    }
    if (this.#peek() === "e" || this.#peek() === "E") {
      this.#at++;
      if (this.#peek() === "+" || this.#peek() === "-") this.#at++;
      if (!isDigit(this.#peek())) return void this.#refuse("in exponent of numeric literal");
      this.#digits();
    }
  }

  #digits(): void {
    for (let byte = this.#bytes[this.#at]; byte !== undefined && byte >= 0x30 && byte <= 0x39; ) {
      byte = this.#bytes[++this.#at];
    }
  }

  #literal(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.#peek() !== word[i]) return void this.#refuse(`in literal ${word} (expecting '${word[i]}')`);
      this.#at++;
    }
  }

  /** The next byte as Latin-1; the end reads as a space, as Go's scanner takes it. */
  #peek(): string {
    return this.#at < this.#bytes.length ? String.fromCharCode(this.#bytes[this.#at]!) : " ";
  }

  #refuse(context: string): Expect {
    this.#fault = `invalid character ${quoted(this.#peek())} ${context}`;
    return "nothing";
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Whether a byte stands for itself in a string. */
function isPlain(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x20 && byte !== 0x22 && byte !== 0x5c;
}

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9";
}

const QUOTED: Readonly<Record<string, string>> = {
  "'": "\\'",
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** A Latin-1 character as Go quotes it. */
function quoted(character: string): string {
  const code = character.charCodeAt(0);
  const own = QUOTED[character];
  if (own !== undefined) return `'${own}'`;
  if (code < 0x20 || code === 0x7f) return `'\\x${code.toString(16).padStart(2, "0")}'`;
  if ((code >= 0x80 && code <= 0xa0) || code === 0xad) return `'\\u00${code.toString(16)}'`;
  return `'${character}'`;
}
