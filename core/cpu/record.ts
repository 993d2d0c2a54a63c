/**
 * Pre-decoded instructions and the maps that find them, as they lie in a domain's memory.
 *
 * A record is what a handler reads its operands from. Registers are byte offsets in the context (general registers, AH..BH)
 * or 16 * n (XMM), 24 * n (segments). Records hold no absolute RIP: offsets are from the start of the code page.
 */

export const RECORD_BYTES = 32;

/** Function table slot, i32. */
export const REC_SLOT = 0;
/** Register operands by operand position 0, 1, 2; u8 each. */
export const REC_REGISTERS = 4;
/** Instructions from this one to the end of its block, itself included; u8. In the first record: the block's length. */
export const REC_BACK = 7;
/** Displacement, i32; the target's offset from the code page, for a direct jump. */
export const REC_DISP = 8;
/** Immediate, low and high halves. */
export const REC_IMM = 12;
export const REC_IMM_HIGH = 16;
/** For a jump inside the page: address of the target's entry in the code map, i32. */
export const REC_TARGET = 16;
/** Base and index registers as offsets in the context, u8; `zero` when there is none, `codePage` for RIP-relative. */
export const REC_BASE = 20;
export const REC_INDEX = 21;
/** log2 of the scale, u8. */
export const REC_SCALE = 22;
/** Segment of a memory operand: 24 * number, u8 (see CONTEXT_FIELDS: es cs ss ds fs gs .. flat). */
export const REC_SEGMENT = 23;
/** The instruction's offset in its page, u16, and its length, u8. */
export const REC_OFFSET = 24;
export const REC_LENGTH = 26;
/** Bits that an effective address loses at the top (0, 32 or 48), u8. */
export const REC_ADDRESS_SHIFT = 27;
/** The handler's slot when REC_SLOT is a translated region; u16. */
export const REC_BASE_SLOT = 28;
/** Bits that a linear address loses at the top (0 or 32), u8. */
export const REC_LINEAR_SHIFT = 30;
/** 1: check the segment's limit and rights, u8. */
export const REC_CHECKED = 31;

/**
 * A code map: for one frame and one code mode, the entries of its decoded blocks. 64 words, one for each granule of 64 bytes,
 * lead to chunks of 64 record addresses (0: nothing decoded there); all granules without code share the zero chunk.
 */
export const GRANULE = 64;
export const GRANULE_SHIFT = 6;
export const CHUNK_BYTES = 256;
/** Bit n: some decoded instruction has bytes in granule n; i64. */
export const MAP_COVERED = 256;
export const MAP_MODE = 264;
/** The frame's map for another code mode, or 0. */
export const MAP_NEXT = 268;
export const MAP_FRAME = 272;
export const MAP_BYTES = 288;
