/** What is wrong with a configuration's disks and interfaces, each at its place in the list. */
import type { GuestType, KeyValues } from "../keys/mod.ts";
import type { Reading } from "../reading.ts";
import { type Diagnostic, endOf, type Span } from "../source.ts";
import { isVdev } from "./disk.ts";
import { diskNumber, numberedTwice, whyDiskRefused, whyVifRefused } from "./served.ts";

function placeIn(reading: Reading, key: "disk" | "vif"): (index: number) => Span {
  const list = reading.settings.get(key)?.value;
  return (index) => (list?.kind === "list" ? list.items[index]?.span : undefined) ?? endOf(reading.source);
}

/** A PV domain with a device that is not served cannot be built; of others, which are not built anyway, only names are looked at. */
export function checkDevices(reading: Reading, values: KeyValues, guest: GuestType): Diagnostic[] {
  const { disk: disks = [], vif: vifs = [] } = values;
  const isServed = guest === "pv";
  const severity = isServed ? "error" : "warning";
  const found: Diagnostic[] = [];
  const diskAt = placeIn(reading, "disk"), vifAt = placeIn(reading, "vif");
  disks.forEach((disk, index) => {
    const why = isServed
      ? whyDiskRefused(disk)
      : isVdev(disk.vdev)
      ? undefined
      : `${JSON.stringify(disk.vdev)} is no name for a guest's disk; they are like xvda, hda1, sdb`;
    if (why !== undefined) found.push({ span: diskAt(index), message: `disk: ${why}`, severity });
  });
  for (const index of numberedTwice(disks.map(({ vdev }) => diskNumber(vdev)))) {
    found.push({ span: diskAt(index), message: `disk: ${disks[index].vdev} is there twice`, severity });
  }
  if (!isServed) return found;
  vifs.forEach((vif, index) => {
    const why = whyVifRefused(vif);
    if (why !== undefined) found.push({ span: vifAt(index), message: `vif: ${why}`, severity });
  });
  for (const index of numberedTwice(vifs.map(({ devid }) => devid))) {
    found.push({ span: vifAt(index), message: `vif: devid=${vifs[index].devid} is there twice`, severity });
  }
  return found;
}
