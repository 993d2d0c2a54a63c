/** What the fixtures hold, unpacked: bytes made from a seed, with something for every part of a decoder. */

export const SAMPLE_BYTES = 40_000;

/** A small generator (mulberry32), so that equal seeds give equal bytes everywhere. */
export function generator(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return Math.floor(((t ^ t >>> 14) >>> 0) / 2 ** 32 * below);
  };
}

const WORDS = "the frame of a domain is mapped by its grant and no other event channel may be bound to it "
  .split(" ");

/** Text, noise, runs, near and far repeats, and calls and jumps as machine code has them (for XZ's x86 filter). */
export function sample(): Uint8Array {
  const random = generator(20240);
  const bytes = new Uint8Array(SAMPLE_BYTES);
  let at = 0;
  const put = (byte: number) => {
    if (at < bytes.length) bytes[at++] = byte;
  };
  while (at < bytes.length) {
    switch (random(6)) {
      case 0:
        for (let i = random(40); i > 0; i--) {
          for (const letter of `${WORDS[random(WORDS.length)]} `) put(letter.charCodeAt(0));
        }
        break;
      case 1:
        for (let i = random(60); i > 0; i--) put(random(256));
        break;
      case 2: {
        const byte = random(256);
        for (let i = random(3) === 0 ? random(1200) : random(20); i > 0; i--) put(byte);
        break;
      }
      case 3:
        for (let i = random(40); i > 0; i--) {
          put(0xe8 + random(2));
          for (let j = 0; j < 3; j++) put(random(4) === 0 ? 0xe8 + random(2) : random(256));
          put([0, 0xff, 0, 0xff, 0xe8, 0xe9, 1, 0x90][random(8)]);
          for (let j = random(4); j > 0; j--) put([0, 0xff, 0xe8, 0x89][random(4)]);
        }
        break;
      case 4: {
        if (at === 0) break;
        const distance = 1 + random(Math.min(at, random(2) === 0 ? 64 : at));
        for (let i = random(3) === 0 ? random(700) : 2 + random(30); i > 0; i--) put(bytes[at - distance]);
        break;
      }
      default:
        for (let i = 0; i < 200; i += 4) for (const byte of [i, 0, 0x40 + random(2), 0xff]) put(byte);
    }
  }
  return bytes;
}
