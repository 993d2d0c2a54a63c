/** Keys that give a domain devices. */
import { honoured, idle, quiet } from "./definition.ts";
import {
  disks,
  integer,
  numbers,
  text,
  textLists,
  textOrTexts,
  texts,
  truth,
  truthOr,
  vifs,
} from "./types.ts";

const PASS = "no physical device can be passed through";
const NO_BACKEND = "there is no backend for it";

export const deviceKeys = {
  disk: honoured(disks(), "The domain's disks, by xl-disk-configuration(5).", { default: [] }),
  vif: honoured(vifs(), "The domain's network interfaces, by xl-network-configuration(5).", { default: [] }),
  vif2: quiet(texts(), "Interfaces of the netchannel2 protocol.", "no kernel speaks it any more"),
  vtpm: idle(texts("vTPM specifications"), "Virtual TPMs.", NO_BACKEND),
  p9: idle(texts("9pfs specifications"), "Directories of the host, by 9pfs.", NO_BACKEND),
  pvcalls: idle(texts("PV Calls specifications"), "Sockets of the host.", NO_BACKEND),
  vfb: idle(
    texts("frame buffer specifications"),
    "A paravirtual frame buffer, keyboard and mouse.",
    NO_BACKEND,
  ),
  vkb: idle(texts("keyboard specifications"), "Paravirtual keyboards.", NO_BACKEND),
  vdispl: idle(texts("display specifications"), "Paravirtual displays.", NO_BACKEND),
  vsnd: idle(textLists("sound cards"), "Paravirtual sound cards.", NO_BACKEND),
  channel: idle(texts("channel specifications"), "Byte streams between guest and host.", NO_BACKEND),
  virtio: idle(texts("virtio specifications"), "Devices of the virtio protocol.", NO_BACKEND),
  usbctrl: idle(texts("USB controllers"), "USB controllers.", NO_BACKEND),
  usbdev: idle(texts("USB devices"), "USB devices of the host.", NO_BACKEND),
  pci: idle(texts("PCI devices"), "PCI devices of the host, by xl-pci-configuration(5).", PASS),
  pci_permissive: quiet(truth(), "The permissive flag of all PCI devices.", PASS),
  pci_msitranslate: quiet(truth(), "The msitranslate flag of all PCI devices.", PASS),
  pci_seize: quiet(truth(), "The seize flag of all PCI devices.", PASS),
  pci_power_mgmt: quiet(truth(), "The power_mgmt flag of all PCI devices.", PASS),
  gfx_passthru: quiet(truthOr(text()), "Gives the guest a graphics card of the host.", PASS, {
    guests: ["hvm"],
  }),
  rdm: quiet(text(), "How reserved device memory is found.", PASS, { guests: ["hvm"] }),
  rdm_mem_boundary: quiet(
    integer(0, 0x7fffffff, "MiB"),
    "The boundary for conflicts with reserved device memory.",
    PASS,
    {
      guests: ["hvm"],
    },
  ),
  dtdev: quiet(texts("device tree paths"), "Device tree nodes of the host.", "this is no Arm host"),
  ioports: idle(texts("port ranges"), "I/O ports of the host.", PASS),
  iomem: idle(texts("memory ranges"), "Device memory of the host.", PASS),
  irqs: idle(numbers(), "Interrupts of the host.", PASS),
  vuart: quiet(text(), "A virtual UART.", "this is no Arm host"),
  serial: quiet(textOrTexts(), "Where serial ports lead to.", "serial ports belong to HVM guests", {
    guests: ["hvm"],
  }),
  parallel: quiet(text(), "Where the parallel port leads to.", "there is none", {
    guests: ["hvm"],
    dialects: ["xm"],
  }),
  usb: quiet(truth(), "An emulated USB controller.", "there is none", { guests: ["hvm"] }),
  usbversion: quiet(integer(0, 3), "The emulated USB controller's version.", "there is none", {
    guests: ["hvm"],
  }),
  usbdevice: quiet(textOrTexts(), "Emulated USB devices.", "there are none", { guests: ["hvm"] }),
  soundhw: quiet(text(), "Emulated sound hardware.", "there is none", { guests: ["hvm"] }),
  vkb_device: quiet(truth(), "A paravirtual keyboard beside the emulated one.", NO_BACKEND, {
    guests: ["hvm"],
  }),
};
