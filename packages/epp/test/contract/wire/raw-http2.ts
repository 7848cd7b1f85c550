import { connect, type Socket } from "node:net";

export const FRAME = { data: 0, headers: 1, rst: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
export const FLAG = { endStream: 1, endHeaders: 4, ack: 1 } as const;
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Header fields in HPACK, each literal, never indexed: RFC 7541, 6.2.3. */
function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0x10]), text(name), text(value)]),
  );
}

export const rstStream = (stream: number, code: number): Buffer =>
  frame(FRAME.rst, 0, stream, Buffer.from([0, 0, 0, code]));

export const callHeaders = (stream: number, path: string, flags: number = FLAG.endHeaders): Buffer =>
  frame(
    FRAME.headers,
    flags,
    stream,
    headerBlock({
      ":method": "POST",
      ":scheme": "http",
      ":path": path,
      ":authority": "picker",
      "content-type": "application/grpc",
      te: "trailers",
    }),
  );

/** A message of gRPC in a frame of its own. */
export const messageFrame = (stream: number, message: Uint8Array, flags = 0): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return frame(FRAME.data, flags, stream, Buffer.concat([prefix, message]));
};

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A peer that sends any bytes, and cuts what comes back into frames. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  readonly closed: Promise<void>;
  #rest = Buffer.alloc(0);

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk: Buffer) => this.#received(chunk));
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve()));
  }

  start(): void {
    this.send(PREFACE, frame(FRAME.settings, 0, 0));
  }

  send(...frames: readonly Uint8Array[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  of(type: number): readonly ReceivedFrame[] {
    return this.frames.filter((each) => each.type === type);
  }

  #received(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) return;
      this.frames.push({
        type: this.#rest[3]!,
        flags: this.#rest[4]!,
        stream: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(9, 9 + length),
      });
      this.#rest = this.#rest.subarray(9 + length);
    }
  }
}
