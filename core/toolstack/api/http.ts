/** Bodies of requests and replies. */
import type { z } from "zod";
import { XendError } from "../xend/errors.ts";
import type { Feed } from "../xend/feed.ts";

const MAX_BODY = 4 * 1024 * 1024;
export const NO_CONTENT = 204;

/** Reads a body of a bounded size. @throws XendError bad-request */
export async function readBody(request: Request): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.length;
    if (length > MAX_BODY) throw new XendError("bad-request", `a request has at most ${MAX_BODY} bytes`);
    pieces.push(piece);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export async function readJson<T extends z.ZodType>(request: Request, schema: T): Promise<z.infer<T>> {
  const text = new TextDecoder().decode(await readBody(request));
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new XendError("bad-request", `the body is not JSON: ${error.message}`);
  }
  return schema.parse(value);
}

/** A feed as a reply's body: read as fast as the client reads, closed when the client goes. */
export function streamOf<T>(feed: Feed<T>, encode: (item: T) => Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await feed.next();
      if (done) controller.close();
      else controller.enqueue(encode(value));
    },
    cancel: () => feed.close(),
  }, { highWaterMark: 0 });
}

/** Of a flag in a query. */
export const isSet = (value: string | undefined) => value !== undefined && value !== "0" && value !== "false";

export const empty = () => new Response(null, { status: NO_CONTENT });
