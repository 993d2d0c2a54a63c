/**
 * Which blocks run most, by the counters of a profiling module (buildInterpreter({ profile: true })), and a state that each was entered
 * with. Such a module uses the last quarter of the code arena for them.
 */
import { CTX } from "./context.ts";
import { type DomainLayout, FRAME_CODE_MAP, FRAME_INFO_BYTES } from "./layout.ts";
import { CHUNK_BYTES, MAP_MODE, MAP_NEXT, REC_BACK } from "./record.ts";

/** A block's state is kept when it is entered for this time. */
export const SNAPSHOT_AT = 64;
/** The head's address (padded to 16 bytes), then the context up to its TLB pointer: registers, code page, flags. */
export const SNAPSHOT_HEAD = 16;
export const SNAPSHOT_STATE = CTX.tlb;
export const SNAPSHOT_BYTES = 192;

export interface ProfileArea {
  /** End of what is left for records. */
  readonly arenaEnd: number;
  /** One i32 for each possible record. */
  readonly counters: number;
  /** How many snapshots there are, i32; they follow at + SNAPSHOT_BYTES. */
  readonly snapshots: number;
  readonly end: number;
}

export function profileArea({ code, codeBytes }: DomainLayout): ProfileArea {
  const part = codeBytes / 32;
  return {
    arenaEnd: code + part * 24,
    counters: code + part * 24,
    snapshots: code + part * 27,
    end: code + codeBytes,
  };
}

export interface HotBlock {
  /** Local frame, offset in it and code mode: a block's identity. */
  readonly frame: number;
  readonly offset: number;
  readonly codeMode: number;
  readonly record: number;
  /** Instructions in it, and how often it was entered. */
  readonly length: number;
  readonly entries: number;
  /** Byte address of the first SNAPSHOT_STATE bytes of the context as they were at some entry; 0: not kept. */
  readonly snapshot: number;
}

/** The blocks with the most instructions run (entries times length), hottest first. */
export function hotBlocks(buffer: ArrayBufferLike, layout: DomainLayout, count: number): HotBlock[] {
  const i32 = new Int32Array(buffer);
  const u8 = new Uint8Array(buffer);
  const { counters, snapshots } = profileArea(layout);
  const kept = new Map<number, number>();
  const n = i32[snapshots >>> 2];
  for (let i = 1; i <= n; i++) {
    const at = snapshots + i * SNAPSHOT_BYTES;
    kept.set(i32[at >>> 2] >>> 0, at + SNAPSHOT_HEAD);
  }
  const found: HotBlock[] = [];
  for (let frame = 0; frame < layout.totalFrames; frame++) {
    const head = (layout.frameInfo + frame * FRAME_INFO_BYTES + FRAME_CODE_MAP) >>> 2;
    for (let map = i32[head] >>> 0; map !== 0; map = i32[(map + MAP_NEXT) >>> 2] >>> 0) {
      const codeMode = i32[(map + MAP_MODE) >>> 2];
      for (let granule = 0; granule < 64; granule++) {
        const chunk = i32[(map >>> 2) + granule] >>> 0;
        for (let i = 0; i < CHUNK_BYTES >>> 2; i++) {
          const record = i32[(chunk >>> 2) + i] >>> 0;
          if (record === 0) continue;
          const entries = i32[(counters + ((record - layout.code) >>> 3)) >>> 2] >>> 0;
          const [offset, length, snapshot] = [
            granule * 64 + i,
            u8[record + REC_BACK],
            kept.get(record) ?? 0,
          ];
          found.push({ frame, offset, codeMode, record, length, entries, snapshot });
        }
      }
    }
  }
  found.sort((a, b) => b.entries * b.length - a.entries * a.length);
  return found.slice(0, count);
}
