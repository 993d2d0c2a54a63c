import assert from "node:assert/strict";
import { randomNumbers } from "../testing.ts";
import type { FrontendNodes } from "../backend/driver.ts";
import { FakeFrontendDomain, FrontRing } from "../backend/testing.ts";
import { BlockBackend } from "./block_backend.ts";
import { ENTRY_BYTES, Operation, Status } from "./blkif.ts";
import type { BlockImage } from "./image.ts";
import { RawImage } from "./raw_image.ts";

const PORT = 5;
const SECTORS = 64;

/** Keeps its sectors and the order of what was asked. */
class MemoryImage implements BlockImage {
  readonly sectors = SECTORS;
  readonly bytes = new Uint8Array(SECTORS * 512);
  readonly log: string[] = [];
  /** Operations wait for it. */
  gate: Promise<void> = Promise.resolve();
  fails = false;

  constructor(readonly readOnly = false) {}

  async read(sector: number, into: Uint8Array): Promise<void> {
    this.log.push(`read ${sector}+${into.length / 512}`);
    await this.gate;
    if (this.fails) throw new Error("the medium is broken");
    into.set(this.bytes.subarray(sector * 512, sector * 512 + into.length));
  }

  async write(sector: number, from: Uint8Array): Promise<void> {
    this.log.push(`write ${sector}+${from.length / 512}`);
    await this.gate;
    this.bytes.set(from, sector * 512);
  }

  flush(): Promise<void> {
    this.log.push("flush");
    return Promise.resolve();
  }

  close(): void {
    this.log.push("close");
  }
}

interface Seg {
  readonly ref: number;
  readonly first: number;
  readonly last: number;
}

class Frontend {
  readonly domain = new FakeFrontendDomain();
  readonly ring: FrontRing;
  readonly lost: string[] = [];
  /** That the answers named. */
  readonly operations: number[] = [];
  readonly nodes: Record<string, string>;
  readonly backend: BlockBackend;
  #id = 100n;

  constructor(readonly image: BlockImage = new MemoryImage()) {
    this.backend = new BlockBackend(this.domain, image);
    this.ring = new FrontRing(this.domain.frame(0), ENTRY_BYTES);
    this.domain.offered.add(PORT);
    this.nodes = {
      "ring-ref": `${this.domain.grant(0)}`,
      "event-channel": `${PORT}`,
      protocol: "x86_64-abi",
    };
  }

  connect(): Readonly<Record<string, string>> {
    const { nodes } = this;
    const frontend: FrontendNodes = {
      text: (name) => nodes[name],
      number: (name) => nodes[name] === undefined ? undefined : Number(nodes[name]),
      requiredNumber: (name) => Number(nodes[name]),
    };
    return this.backend.connect(frontend, (why) => this.lost.push(why));
  }

  put(
    operation: number,
    sector: number,
    segments: readonly Seg[] = [],
    fill: (entry: DataView) => void = () => {},
  ): bigint {
    const id = this.#id++;
    this.ring.request((entry) => {
      for (let i = 0; i < ENTRY_BYTES; i++) entry.setUint8(i, 0);
      entry.setUint8(0, operation);
      entry.setUint8(1, segments.length);
      entry.setBigUint64(8, id, true);
      entry.setBigUint64(16, BigInt(sector), true);
      segments.slice(0, 11).forEach(({ ref, first, last }, index) => {
        entry.setUint32(24 + index * 8, ref, true);
        entry.setUint8(28 + index * 8, first);
        entry.setUint8(29 + index * 8, last);
      });
      fill(entry);
    });
    return id;
  }

  /** Sends what was put, and gives the statuses by id once `count` have come. */
  async answers(count: number): Promise<Map<bigint, number>> {
    if (this.ring.push()) this.domain.send(PORT);
    const found = new Map<bigint, number>();
    for (let turn = 0; turn < 200 && found.size < count; turn++) {
      for (const entry of this.ring.responses()) {
        found.set(entry.getBigUint64(0, true), entry.getInt16(10, true));
        this.operations.push(entry.getUint8(8));
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert.equal(found.size, count);
    return found;
  }

  async one(...request: Parameters<Frontend["put"]>): Promise<number | undefined> {
    const id = this.put(...request);
    return (await this.answers(1)).get(id);
  }
}

const pattern = (seed: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);

Deno.test("what the frontend is told, and sectors both ways, counted", async () => {
  const image = new MemoryImage();
  const front = new Frontend(image);
  assert.deepEqual(front.connect(), {
    "feature-flush-cache": "1",
    "feature-max-indirect-segments": "64",
    sectors: `${SECTORS}`,
    info: "0",
    "sector-size": "512",
  });
  const [a, b] = [front.domain.grant(1, true), front.domain.grant(2, true)];
  front.domain.frame(1).set(pattern(1, 4096));
  front.domain.frame(2).set(pattern(2, 4096));
  // Sectors 2..7 of the first frame, then all of the second.
  assert.equal(
    await front.one(Operation.WRITE, 3, [{ ref: a, first: 2, last: 7 }, { ref: b, first: 0, last: 7 }]),
    Status.OKAY,
  );
  assert.deepEqual(image.bytes.subarray(3 * 512, 9 * 512), pattern(1, 4096).subarray(1024));
  assert.deepEqual(image.bytes.subarray(9 * 512, 17 * 512), pattern(2, 4096));
  const c = front.domain.grant(3);
  assert.equal(await front.one(Operation.READ, 9, [{ ref: c, first: 1, last: 4 }]), Status.OKAY);
  assert.deepEqual(front.domain.frame(3).subarray(512, 5 * 512), pattern(2, 4096).subarray(0, 4 * 512));
  assert.ok(front.domain.frame(3).subarray(5 * 512).every((byte) => byte === 0));
  assert.deepEqual(front.backend.figures(), {
    outOfRequests: 0,
    reads: 1,
    writes: 1,
    readSectors: 4,
    writtenSectors: 14,
  });
  assert.ok((front.domain.events.get(PORT) ?? 0) >= 2);
});

Deno.test("indirect requests carry more segments than a ring entry has room for", async () => {
  const image = new MemoryImage();
  image.bytes.set(pattern(5, image.bytes.length));
  const front = new Frontend(image);
  front.connect();
  const list = front.domain.frame(1);
  const view = new DataView(list.buffer, list.byteOffset, 4096);
  for (let i = 0; i < 16; i++) {
    view.setUint32(i * 8, front.domain.grant(2 + i), true);
    view.setUint8(i * 8 + 4, 2);
    view.setUint8(i * 8 + 5, 4);
  }
  const indirect = (operation: number, count: number, ref: number) =>
    front.one(Operation.INDIRECT, 10, [], (entry) => {
      entry.setUint8(1, operation);
      entry.setUint16(2, count, true);
      entry.setUint32(28, ref, true);
    });
  const ref = front.domain.grant(1, true);
  assert.equal(await indirect(Operation.READ, 16, ref), Status.OKAY);
  for (let i = 0; i < 16; i++) {
    assert.deepEqual(
      front.domain.frame(2 + i).subarray(1024, 5 * 512),
      image.bytes.subarray((10 + i * 3) * 512, (13 + i * 3) * 512),
    );
  }
  // The answer names what was asked for, not the way it was.
  assert.deepEqual(front.operations, [Operation.READ]);
  assert.equal(await indirect(Operation.READ, 65, ref), Status.ERROR);
  assert.equal(await indirect(Operation.FLUSH_DISKCACHE, 1, ref), Status.ERROR);
  assert.equal(await indirect(Operation.READ, 1, 9999), Status.ERROR);
});

Deno.test("a flush comes after what was written before, a barrier's own sectors before its second one", async () => {
  const image = new MemoryImage();
  const front = new Frontend(image);
  front.connect();
  const ref = front.domain.grant(1, true);
  const seg = [{ ref, first: 0, last: 0 }];
  front.put(Operation.WRITE, 0, seg);
  front.put(Operation.FLUSH_DISKCACHE, 0);
  front.put(Operation.WRITE_BARRIER, 1, seg);
  front.put(Operation.READ, 0, [{ ref: front.domain.grant(2), first: 0, last: 0 }]);
  assert.deepEqual([...(await front.answers(4)).values()], [0, 0, 0, 0]);
  assert.deepEqual(image.log, ["write 0+1", "flush", "flush", "write 1+1", "flush", "read 0+1"]);
});

Deno.test("what cannot be is answered with an error, and what is not served with EOPNOTSUPP", async () => {
  const image = new MemoryImage();
  const front = new Frontend(image);
  front.connect();
  const ref = front.domain.grant(1), whole = [{ ref, first: 0, last: 7 }];
  const { READ, WRITE } = Operation;
  assert.equal(await front.one(READ, SECTORS - 7, whole), Status.ERROR);
  assert.equal(await front.one(READ, 2 ** 52, whole), Status.ERROR);
  assert.equal(await front.one(READ, 0, []), Status.ERROR);
  assert.equal(await front.one(WRITE, 0, []), Status.ERROR);
  assert.equal(await front.one(READ, 0, [{ ref, first: 3, last: 2 }]), Status.ERROR);
  assert.equal(await front.one(READ, 0, [{ ref, first: 0, last: 8 }]), Status.ERROR);
  assert.equal(await front.one(READ, 0, Array(12).fill(whole[0])), Status.ERROR);
  assert.equal(await front.one(WRITE, 0, [{ ref: 7777, first: 0, last: 0 }]), Status.ERROR);
  // Granted for reading only: the disk cannot be read into it.
  assert.equal(
    await front.one(READ, 0, [{ ref: front.domain.grant(2, true), first: 0, last: 0 }]),
    Status.ERROR,
  );
  assert.equal(await front.one(Operation.DISCARD, 0), Status.EOPNOTSUPP);
  assert.equal(await front.one(77, 0), Status.EOPNOTSUPP);
  image.fails = true;
  assert.equal(await front.one(READ, 0, whole), Status.ERROR);
  image.fails = false;
  assert.equal(await front.one(READ, 0, whole), Status.OKAY);
  assert.deepEqual(front.lost, []);

  const readOnly = new Frontend(new MemoryImage(true));
  assert.equal(readOnly.connect().info, "4");
  assert.equal(
    await readOnly.one(WRITE, 0, [{ ref: readOnly.domain.grant(1), first: 0, last: 0 }]),
    Status.ERROR,
  );
});

Deno.test("a ring with impossible indexes is the end of the connection, a frontend that leaves is not written to", async () => {
  const broken = new Frontend();
  broken.connect();
  broken.ring.setIndex(0, 1000);
  broken.domain.send(PORT);
  assert.equal(broken.lost.length, 1);
  assert.match(broken.lost[0], /1000 requests in a ring of 32/);
  assert.equal(broken.domain.mappings, 0);
  assert.equal(broken.domain.handlers.size, 0);

  const image = new MemoryImage();
  image.bytes.fill(9);
  const opened = Promise.withResolvers<void>();
  image.gate = opened.promise;
  const front = new Frontend(image);
  front.connect();
  front.put(Operation.READ, 0, [{ ref: front.domain.grant(1), first: 0, last: 7 }]);
  front.ring.push();
  front.domain.send(PORT);
  assert.deepEqual(image.log, ["read 0+8"]);
  front.backend.close();
  front.backend.close();
  opened.resolve();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(front.domain.frame(1).every((byte) => byte === 0));
  assert.equal(front.domain.mappings, 0);
  assert.equal(front.ring.responses().length, 0);
});

Deno.test("a frontend whose nodes are wrong does not connect, and holds nothing", () => {
  for (const change of [{ "ring-ref": "4242" }, { "event-channel": "77" }, { protocol: "x86_32-abi" }]) {
    const front = new Frontend();
    Object.assign(front.nodes, change);
    assert.throws(() => front.connect(), /grant 4242|port 77|protocol "x86_32-abi"/);
    assert.equal(front.domain.mappings, 0);
  }
});

Deno.test("raw images: whole files in order, and clear refusals", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/disk.img`;
    await Deno.writeFile(path, pattern(3, 10 * 512 + 100));
    const image = RawImage.open(path, false);
    assert.equal(image.sectors, 10);
    const all = new Uint8Array(10 * 512);
    const parts = Array.from({ length: 10 }, (_, i) => image.read(i, all.subarray(i * 512, (i + 1) * 512)));
    await Promise.all(parts);
    assert.deepEqual(all, pattern(3, 10 * 512 + 100).subarray(0, 10 * 512));
    const write = image.write(4, pattern(9, 1024)), after = new Uint8Array(1024);
    await Promise.all([write, image.read(4, after), image.flush()]);
    assert.deepEqual(after, pattern(9, 1024));
    image.close();
    await assert.rejects(image.read(0, new Uint8Array(512)));
    assert.throws(() => RawImage.open(`${folder}/none`, false), Deno.errors.NotFound);
    assert.throws(() => RawImage.open(folder, true), /neither a file nor a block device/);
    await Deno.writeFile(path, new Uint8Array(100));
    assert.throws(() => RawImage.open(path, true), /smaller than a sector/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("requests at random: an answer for each, nothing but what is granted for writing changes, and no error of ours", async () => {
  const random = randomNumbers(20261130);
  const image = new MemoryImage();
  image.bytes.fill(0xaa);
  const front = new Frontend(image);
  front.connect();
  // Frames from 32 on are granted to nobody.
  const writable = [front.domain.grant(1), front.domain.grant(2)], readable = front.domain.grant(3, true);
  const others = Array.from({ length: 32 }, (_, i) => front.domain.frame(32 + i));
  for (const frame of [...others, front.domain.frame(3)]) frame.fill(0x55);
  const refs = [readable, 0, 5000, 0xffffffff];
  const anyRef = () => random(4) ? writable[random(2)] : refs[random(4)];
  for (let round = 0; round < 300; round++) {
    const count = 1 + random(20);
    for (let i = 0; i < count; i++) {
      front.put(random(9), random(8) ? random(SECTORS) : random(2 ** 31) * 2 ** 20, [], (entry) => {
        entry.setUint8(1, random(8) ? 1 + random(3) : random(256));
        for (let at = 24; at < ENTRY_BYTES; at += 8) {
          entry.setUint32(at, anyRef(), true);
          entry.setUint8(at + 4, random(8) ? random(4) : random(256));
          entry.setUint8(at + 5, random(8) ? 3 + random(5) : random(256));
        }
        if (random(3)) return;
        entry.setUint16(2, random(2) ? random(4) : random(65536), true);
        entry.setUint32(28, anyRef(), true);
      });
    }
    const statuses = [...(await front.answers(count)).values()];
    assert.ok(statuses.every((status) => status === 0 || status === -1 || status === -2), `${statuses}`);
  }
  assert.deepEqual(front.lost, []);
  for (const frame of [...others, front.domain.frame(3)]) assert.ok(frame.every((byte) => byte === 0x55));
  const { reads, writes } = front.backend.figures();
  assert.ok(reads > 50 && writes > 50, `${reads} reads, ${writes} writes`);
});
