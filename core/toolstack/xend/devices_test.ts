import assert from "node:assert/strict";
import { XenStoreService } from "../../dom0/mod.ts";
import { deviceRecords, watchDevices } from "./devices.ts";
import { EventHub } from "./event_hub.ts";
import { settle } from "./testing.ts";

Deno.test("devices are read from XenStore whatever a guest wrote there; states are told as they change", async () => {
  const xenstore = new XenStoreService();
  const events = new EventHub();
  const stop = watchDevices(xenstore, events);
  const feed = events.follow(new Set(["device"] as const));
  const front = "/local/domain/3/device";
  xenstore.write(`${front}/vbd/51712/backend`, "/local/domain/0/backend/vbd/3/51712");
  xenstore.write(`${front}/vbd/51712/backend-id`, "0");
  xenstore.write(`${front}/vbd/51712/ring-ref`, "8");
  xenstore.write(`${front}/vbd/51712/event-channel`, "x".repeat(50));
  xenstore.write(`${front}/vif/0/mac`, "00:16:3e:00:00:01");
  xenstore.write(`${front}/vif/0/tx-ring-ref`, "9");
  xenstore.write(`${front}/vif/nonsense/state`, "4");
  xenstore.write(`${front}/vbd/51712/state`, "3");
  await settle();
  xenstore.write(`${front}/vbd/51712/state`, "4");
  await settle();
  assert.deepEqual(deviceRecords(xenstore, 3), [
    {
      kind: "vbd",
      devid: 51712,
      backendDomid: 0,
      state: 4,
      eventChannel: -1,
      ringRefs: [8],
      backendPath: "/local/domain/0/backend/vbd/3/51712",
      mac: undefined,
    },
    {
      kind: "vif",
      devid: 0,
      backendDomid: 0,
      state: 0,
      eventChannel: -1,
      ringRefs: [9, -1],
      backendPath: "",
      mac: "00:16:3e:00:00:01",
    },
  ]);
  assert.deepEqual(deviceRecords(xenstore, 4), []);
  stop();
  xenstore.write(`${front}/vbd/51712/state`, "5");
  await settle();
  feed.end();
  const states: number[] = [];
  for await (const event of feed) if (event.type === "device") states.push(event.state);
  assert.deepEqual(states, [3, 4]);
});
