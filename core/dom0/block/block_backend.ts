/** Domain-0's end of a disk (xen/io/blkif.h): takes requests from the ring, moves sectors between an image and granted frames, answers. */
import { BackRing } from "../backend/back_ring.ts";
import { type BackendDriver, FrontendError, type FrontendNodes } from "../backend/driver.ts";
import {
  type BackendChannel,
  type FrontendDomain,
  type GrantedPage,
  GrantError,
} from "../backend/frontend_domain.ts";
import { RingError } from "../byte_ring.ts";
import {
  type BlockRequest,
  ENTRY_BYTES,
  MAX_INDIRECT_SEGMENTS,
  Operation,
  parseRequest,
  RequestError,
  requestId,
  requestOperation,
  type Segment,
  Status,
  VDISK_CDROM,
  VDISK_READONLY,
  VDISK_REMOVABLE,
  writeResponse,
} from "./blkif.ts";
import { type BlockImage, SECTOR_BYTES } from "./image.ts";

/** Requests taken in one turn: one that is refused is answered at once, and its guest may send another. */
const REQUESTS_A_TURN = 64;

export interface BlockOptions {
  readonly removable?: boolean;
  readonly cdrom?: boolean;
  /** Of what the image's file system says. */
  readonly log?: (line: string) => void;
}

/** What xentop shows of a disk; sectors have 512 bytes. */
export interface BlockFigures {
  /** Times that the backend had no room for a request. */
  readonly outOfRequests: number;
  readonly reads: number;
  readonly writes: number;
  readonly readSectors: number;
  readonly writtenSectors: number;
}

/** While the frontend is connected. */
interface Connection {
  readonly page: GrantedPage;
  readonly ring: BackRing;
  readonly channel: BackendChannel;
  readonly lost: (why: string) => void;
}

export class BlockBackend implements BackendDriver {
  readonly features: Readonly<Record<string, string>> = {};
  readonly #figures = { outOfRequests: 0, reads: 0, writes: 0, readSectors: 0, writtenSectors: 0 };
  #connection: Connection | undefined;

  constructor(
    private readonly domain: FrontendDomain,
    private readonly image: BlockImage,
    private readonly options: BlockOptions = {},
  ) {}

  figures(): BlockFigures {
    return { ...this.#figures };
  }

  connect(frontend: FrontendNodes, lost: (why: string) => void): Readonly<Record<string, string>> {
    const protocol = frontend.text("protocol") ?? "x86_64-abi";
    if (protocol !== "x86_64-abi") {
      throw new FrontendError(`the protocol ${JSON.stringify(protocol)} is not served`);
    }
    const page = this.domain.mapGrant(frontend.requiredNumber("ring-ref"), false);
    try {
      const channel = this.domain.bindChannel(frontend.requiredNumber("event-channel"), () => this.#serve());
      this.#connection = { page, ring: new BackRing(page, ENTRY_BYTES), channel, lost };
    } catch (error) {
      page.release();
      throw error;
    }
    // The handler was called while there was no connection yet.
    queueMicrotask(() => this.#serve());
    const { image, options } = this;
    const info = (options.cdrom ? VDISK_CDROM : 0) | (options.removable ? VDISK_REMOVABLE : 0) |
      (image.readOnly ? VDISK_READONLY : 0);
    return {
      "feature-flush-cache": "1",
      "feature-max-indirect-segments": `${MAX_INDIRECT_SEGMENTS}`,
      sectors: `${image.sectors}`,
      info: `${info}`,
      "sector-size": `${SECTOR_BYTES}`,
    };
  }

  disconnect(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.channel.close();
    connection.page.release();
  }

  close(): void {
    this.disconnect();
    this.image.close();
  }

  #serve(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    try {
      for (let count = 0; count < REQUESTS_A_TURN;) {
        const entry = connection.ring.next();
        if (entry !== undefined) {
          count++;
          this.#take(connection, entry);
        } else if (!connection.ring.armAndCheck()) return;
      }
      setTimeout(() => this.#serve());
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      this.disconnect();
      connection.lost(error.message);
    }
  }

  #take(connection: Connection, entry: DataView): void {
    const id = requestId(entry), operation = requestOperation(entry);
    const answer = (status: number) => {
      // A frontend that went away, or came back with another ring, waits for no answer.
      if (this.#connection !== connection) return;
      connection.ring.respond((response) => writeResponse(response, id, operation, status));
      if (connection.ring.push()) connection.channel.notify();
    };
    let work: Promise<void> | undefined;
    try {
      const request = parseRequest(entry, (ref, into) => this.domain.copyFromGrant(ref, 0, into));
      work = this.#start(connection, request);
    } catch (error) {
      if (!(error instanceof RequestError || error instanceof GrantError)) throw error;
      return answer(Status.ERROR);
    }
    if (work === undefined) return answer(Status.EOPNOTSUPP);
    work.then(() => answer(Status.OKAY), (error) => {
      if (!(error instanceof GrantError)) {
        this.options.log?.(error instanceof Error ? error.message : `${error}`);
      }
      answer(Status.ERROR);
    });
  }

  /** @returns undefined for an operation that is not served @throws RequestError, GrantError */
  #start(connection: Connection, { operation, sector, segments }: BlockRequest): Promise<void> | undefined {
    const bytes = segments.reduce((sum, { length }) => sum + length, 0);
    const count = bytes / SECTOR_BYTES;
    if (count > 0 && sector + count > this.image.sectors) {
      throw new RequestError(`sector ${sector} and ${count} more`);
    }
    switch (operation) {
      case Operation.READ:
        if (bytes === 0) throw new RequestError("a read of nothing");
        this.#figures.reads++;
        this.#figures.readSectors += count;
        return this.#read(connection, sector, segments, bytes);
      case Operation.WRITE:
        if (bytes === 0) throw new RequestError("a write of nothing");
        return this.#write(sector, segments, bytes);
      case Operation.FLUSH_DISKCACHE:
      case Operation.WRITE_BARRIER: {
        // What came before is on the medium first; a barrier's own sectors are, too.
        const before = this.image.flush();
        if (bytes === 0) return before;
        const written = this.#write(sector, segments, bytes);
        const after = operation === Operation.WRITE_BARRIER ? this.image.flush() : undefined;
        return Promise.all([before, written, after]).then(() => {});
      }
      default:
        return undefined;
    }
  }

  async #read(
    connection: Connection,
    sector: number,
    segments: readonly Segment[],
    bytes: number,
  ): Promise<void> {
    const data = new Uint8Array(bytes);
    await this.image.read(sector, data);
    if (this.#connection !== connection) return;
    let at = 0;
    for (const { ref, offset, length } of segments) {
      this.domain.copyToGrant(ref, offset, data.subarray(at, at + length));
      at += length;
    }
  }

  #write(sector: number, segments: readonly Segment[], bytes: number): Promise<void> {
    if (this.image.readOnly) throw new RequestError("a write to a read-only disk");
    const data = new Uint8Array(bytes);
    let at = 0;
    for (const { ref, offset, length } of segments) {
      this.domain.copyFromGrant(ref, offset, data.subarray(at, at + length));
      at += length;
    }
    this.#figures.writes++;
    this.#figures.writtenSectors += bytes / SECTOR_BYTES;
    return this.image.write(sector, data);
  }
}
