/** Which blocks run most, by the counters of a profiling module (buildInterpreter({ profile: true })). */
import { type DomainLayout, FRAME_CODE_MAP, FRAME_INFO_BYTES } from "./layout.ts";
import { CHUNK_BYTES, MAP_MODE, MAP_NEXT, REC_BACK } from "./record.ts";

export interface HotBlock {
  /** Local frame, offset in it and code mode: a block's identity. */
  readonly frame: number;
  readonly offset: number;
  readonly codeMode: number;
  readonly record: number;
  /** Instructions in it, and how often it was entered. */
  readonly length: number;
  readonly entries: number;
}

/** Bytes that the layout must reserve under the name `profile`. */
export function profileBytes(codeBytes: number): number {
  return codeBytes / 8;
}

/** The blocks with the most instructions run (entries times length), hottest first. */
export function hotBlocks(buffer: ArrayBufferLike, layout: DomainLayout, count: number): HotBlock[] {
  const i32 = new Int32Array(buffer);
  const u8 = new Uint8Array(buffer);
  const { profile } = layout.reserve;
  if (profile === undefined) throw new Error("the domain's layout has no room named profile");
  const found: HotBlock[] = [];
  for (let frame = 0; frame < layout.totalFrames; frame++) {
    const head = (layout.frameInfo + frame * FRAME_INFO_BYTES + FRAME_CODE_MAP) >> 2;
    for (let map = i32[head] >>> 0; map !== 0; map = i32[(map + MAP_NEXT) >> 2] >>> 0) {
      for (let granule = 0; granule < 64; granule++) {
        const chunk = i32[(map >> 2) + granule] >>> 0;
        for (let i = 0; i < CHUNK_BYTES >> 2; i++) {
          const record = i32[(chunk >> 2) + i] >>> 0;
          if (record === 0) continue;
          const entries = i32[(profile + ((record - layout.code) >>> 3)) >> 2] >>> 0;
          const codeMode = i32[(map + MAP_MODE) >> 2];
          found.push({
            frame,
            offset: granule * 64 + i,
            codeMode,
            record,
            length: u8[record + REC_BACK],
            entries,
          });
        }
      }
    }
  }
  found.sort((a, b) => b.entries * b.length - a.entries * a.length);
  return found.slice(0, count);
}
