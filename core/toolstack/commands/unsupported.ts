/** Commands of xm and xl that are not here, with the reason: whoever types one did not mistype another. */

const NOT_MOVED = "domains cannot be saved, restored, suspended or moved to another host yet";
const NO_DRIVES = "a PV guest's drive keeps its image; block-detach and block-attach give it another one";
const NOT_PASSED = "no physical device can be passed through";
const NO_BACKEND = "there is no backend for such devices";
const ONE_POOL = "all pCPUs and domains are in the one pool, Pool-0";
const CREDIT = "the scheduler of this host is credit, which sched-credit sets";
const NO_POLICY = "there is no security policy";

const REASONS: readonly (readonly [names: string, why: string])[] = [
  ["save restore suspend resume migrate migrate-receive remus", NOT_MOVED],
  ["block-configure cd-insert cd-eject", NO_DRIVES],
  [
    "pci-attach pci-detach pci-list pci-list-assignable-devices pci-assignable-add pci-assignable-remove " +
    "pci-assignable-list usbctrl-attach usbctrl-detach usbdev-attach usbdev-detach usb-list",
    NOT_PASSED,
  ],
  ["vtpm-attach vtpm-detach vtpm-list scsi-attach scsi-detach scsi-list channel-list", NO_BACKEND],
  ["vkb-attach vkb-detach vkb-list vsnd-attach vsnd-detach vsnd-list", NO_BACKEND],
  ["vncviewer", "a domain has no screen; console shows its console"],
  ["button-press", "a PV guest has no buttons; shutdown asks it to power off"],
  [
    "cpupool-create cpupool-new cpupool-start cpupool-delete cpupool-destroy cpupool-rename cpupool-cpu-add " +
    "cpupool-cpu-remove cpupool-migrate cpupool-numa-split",
    ONE_POOL,
  ],
  ["sched-credit2 sched-rtds sched-sedf sched-null", CREDIT],
  ["loadpolicy getenforce setenforce labels addlabel rmlabel getlabel dry-run makepolicy", NO_POLICY],
  [
    "config-update",
    "a domain's configuration is read when it is created; rename, mem-set and the like change it",
  ],
];

const WHY = new Map(REASONS.flatMap(([names, why]) => names.split(" ").map((name) => [name, why] as const)));

/** Why a command of xm's or xl's is not here; undefined for what neither of them has. */
export function whyUnsupported(name: string): string | undefined {
  return WHY.get(name);
}
