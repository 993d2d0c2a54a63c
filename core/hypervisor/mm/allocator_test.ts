import assert from "node:assert/strict";
import { canReturnPages } from "../memory_return.ts";
import { PvMachine, SPARE } from "../testing/pv_machine.ts";
import { allocateFrame, returnFreeFrames } from "./allocator.ts";
import { pageTypesOf } from "./page_types.ts";

Deno.test("frames that a guest gives back are scrubbed, go back to the host, and come back zeroed", () => {
  const frames = 16384;
  const { domain } = new PvMachine().domain({ frames });
  const types = pageTypesOf(domain);
  const { views, header } = domain;
  const given = Array.from({ length: frames - SPARE - 200 }, (_, index) => SPARE + 200 + index);
  for (const frame of given) views.u8.fill(0xa5, frame * 4096, (frame + 1) * 4096);
  const full = Deno.memoryUsage().rss;
  domain.lock.with(() => {
    for (const frame of given) assert.ok(types.putAllocation(frame));
  });
  assert.equal(header.totPages, frames - given.length);
  assert.equal(header.unreturnedFrames, given.length);
  assert.equal(views.u32[given[7] * 1024], 0, "scrubbed at once");
  // One is taken again before the host has its page back: it stays.
  const kept = domain.lock.with(() => allocateFrame(types));
  views.u32[kept * 1024] = 77;
  const returned = returnFreeFrames(domain);
  assert.equal(returned, canReturnPages() ? given.length - 1 : 0);
  assert.equal(views.u32[kept * 1024], 77);
  assert.equal(returnFreeFrames(domain), 0, "once");
  if (returned > 0) {
    const fallen = (full - Deno.memoryUsage().rss) / 1e6;
    assert.ok(fallen > 0.8 * given.length * 4096 / 1e6, `RSS fell by ${fallen} MB`);
  }
  for (let count = 0; count < 1000; count++) {
    const frame = domain.lock.with(() => allocateFrame(types));
    assert.ok(frame > 0 && views.u8.subarray(frame * 4096, (frame + 1) * 4096).every((byte) => byte === 0));
  }
});
