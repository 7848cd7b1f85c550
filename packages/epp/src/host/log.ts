/** One line a call: a message of fixed words, what varies in fields. Never a prompt, a body or a credential. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
