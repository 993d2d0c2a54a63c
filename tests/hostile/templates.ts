/**
 * Hypercalls that look right, as data for the guest: for each sub-operation what its arguments and structures are made of. The guest draws the values;
 * some are wrong by accident, some on purpose.
 */
import * as abi from "../../core/hypervisor/abi/mod.ts";
import {
  any,
  below,
  bits,
  code,
  domid,
  entry,
  entryAddress,
  type Field,
  fields,
  frame,
  is,
  KINDS,
  list,
  listOf,
  neighbour,
  pick,
  port,
  self,
  type Source,
  spareAddress,
  spareFrame,
  structure,
  type Template,
  words,
} from "./sources.ts";

const { HYPERVISOR, MMUEXT, XENMEM, GNTTABOP, EVTCHNOP, VCPUOP, SCHEDOP, PHYSDEVOP } = abi;

function* mmu(): Generator<Template> {
  const many = { repeat: 6, stride: 16, fields: words(entryAddress, entry) };
  yield {
    name: "mmu_update",
    number: HYPERVISOR.mmu_update,
    args: [structure, below(7), pick(0, 0x400000), self],
    ...many,
  };
  yield {
    name: "mmu_update again",
    number: HYPERVISOR.mmu_update,
    args: [structure, below(7), list, self],
    ...many,
  };
  yield {
    name: "update_va_mapping",
    number: HYPERVISOR.update_va_mapping,
    args: [spareAddress, entry, bits(7)],
  };
  yield {
    name: "update_va_mapping any",
    number: HYPERVISOR.update_va_mapping,
    args: [any, entry, any],
    rare: true,
  };
  yield {
    name: "update_va_mapping_otherdomain",
    number: HYPERVISOR.update_va_mapping_otherdomain,
    args: [spareAddress, entry, bits(7), domid],
  };
  for (const [name, command] of Object.entries(MMUEXT)) {
    const isPin = command <= MMUEXT.UNPIN_TABLE;
    yield {
      name: `mmuext ${name}`,
      number: HYPERVISOR.mmuext_op,
      args: [structure, below(3), pick(0, 0x400000), pick(0x7ff0, 0x7ff0, 0x7ff0, 0x7ff1, 1, 0)],
      repeat: 2,
      stride: 24,
      fields: words(
        is(command),
        command === MMUEXT.SET_LDT || /INVLPG/.test(name) ? spareAddress : isPin ? spareFrame : frame,
        /SET_LDT/.test(name) ? below(9000) : /MULTI/.test(name) ? structure : frame,
      ),
      rare: command === MMUEXT.NEW_BASEPTR,
    };
  }
  yield {
    name: "mmuext any",
    number: HYPERVISOR.mmuext_op,
    args: [structure, any, list, self],
    repeat: 4,
    stride: 24,
    fields: words(below(24), frame, frame),
  };
  yield {
    name: "update_descriptor",
    number: HYPERVISOR.update_descriptor,
    args: [entryAddress, pick(0x00affb000000ffffn, 0x00cff3000000ffffn, 0x0000ec0000330000n, 0n)],
  };
  yield { name: "update_descriptor any", number: HYPERVISOR.update_descriptor, args: [entryAddress, any] };
  yield {
    name: "set_gdt",
    number: HYPERVISOR.set_gdt,
    args: [structure, below(7200)],
    fields: words(...Array.from({ length: 14 }, () => spareFrame)),
  };
  yield {
    name: "set_gdt short",
    number: HYPERVISOR.set_gdt,
    args: [structure, below(600)],
    fields: words(frame, frame),
  };
}

function* memory(): Generator<Template> {
  const extents = (order: Source) =>
    fields(abi.xen_memory_reservation, {
      extent_start: list,
      nr_extents: below(8),
      extent_order: order,
      mem_flags: pick(0, 0, 0, 0x10000, 0x20000, 0xff00),
      domid: self,
    });
  const start = (command: number): Source =>
    pick(command, command, command, command | 64, command | 0x7fffffc0);
  for (const name of ["increase_reservation", "decrease_reservation", "populate_physmap"] as const) {
    for (const [kind, order] of [["", is(0)], [" orders", below(11)]] as const) {
      yield {
        name: `memory ${name}${kind}`,
        number: HYPERVISOR.memory_op,
        args: [start(XENMEM[name]), structure],
        fields: [
          ...extents(order),
          ...listOf(8, name === "decrease_reservation" ? spareFrame : below(8192)),
        ],
      };
    }
  }
  yield {
    name: "memory decrease_reservation any",
    number: HYPERVISOR.memory_op,
    args: [is(XENMEM.decrease_reservation), structure],
    fields: [...extents(below(3)), ...listOf(8, frame)],
  };
  for (
    const [name, inOrder, outOrder] of [["", 0, 0], [" longer", 0, 2], [" shorter", 1, 0], [
      " wild",
      9,
      3,
    ]] as const
  ) {
    const count = name === " longer" ? 4 : name === " shorter" ? 2 : 3;
    yield {
      name: `memory exchange${name}`,
      number: HYPERVISOR.memory_op,
      args: [is(XENMEM.exchange), structure],
      fields: [
        ...fields(abi.xen_memory_exchange, {
          "in.extent_start": list,
          "in.nr_extents": name === " wild" ? any : is(count),
          "in.extent_order": is(inOrder),
          "in.mem_flags": is(0),
          "in.domid": self,
          "out.extent_start": { kind: "pointer", parameter: 2048 + 256 },
          "out.nr_extents": name === " wild" ? any : is(count * 2 ** inOrder / 2 ** outOrder),
          "out.extent_order": is(outOrder),
          "out.mem_flags": is(0),
          "out.domid": self,
          nr_exchanged: pick(0, 0, 0, 1),
        }),
        ...listOf(8, spareFrame),
        ...listOf(8, below(4096)).map((field) => ({ ...field, offset: field.offset + 256 })),
      ],
    };
  }
  for (
    const name of ["maximum_ram_page", "current_reservation", "maximum_reservation", "maximum_gpfn"] as const
  ) {
    yield {
      name: `memory ${name}`,
      number: HYPERVISOR.memory_op,
      args: [start(XENMEM[name]), structure],
      fields: fields(abi.xen_memory_domain, { domid }),
    };
  }
  const others: [keyof typeof XENMEM, Field[]][] = [
    ["machphys_mfn_list", fields(abi.xen_machphys_mfn_list, { max_extents: any, extent_start: list })],
    ["machphys_mapping", []],
    ["memory_map", fields(abi.xen_memory_map, { nr_entries: any, buffer: list })],
    ["add_to_physmap", fields(abi.xen_add_to_physmap, { domid: self, space: below(6), idx: any, gpfn: any })],
    [
      "add_to_physmap_batch",
      fields(abi.xen_add_to_physmap_batch, { domid: self, space: below(6), size: any }),
    ],
    ["remove_from_physmap", fields(abi.xen_remove_from_physmap, { domid: self, gpfn: frame })],
    [
      "set_memory_map",
      fields(abi.xen_foreign_memory_map, { domid: self, "map.nr_entries": any, "map.buffer": list }),
    ],
    ["set_pod_target", fields(abi.xen_pod_target, { domid: self, target_pages: any })],
    ["get_pod_target", fields(abi.xen_pod_target, { domid: self })],
    ["claim_pages", extents(is(0))],
    ["get_vnumainfo", fields(abi.xen_vnuma_topology_info, { domid: self, pad: is(0), nr_vnodes: any })],
    [
      "acquire_resource",
      fields(abi.xen_mem_acquire_resource, {
        domid,
        type: below(3),
        id: any,
        nr_frames: any,
        pad: is(0),
        frame: any,
        frame_list: list,
      }),
    ],
  ];
  for (const [name, made] of others) {
    yield {
      name: `memory ${name}`,
      number: HYPERVISOR.memory_op,
      args: [is(XENMEM[name]), structure],
      fields: made,
    };
  }
  yield { name: "memory any", number: HYPERVISOR.memory_op, args: [below(64), structure] };
}

function* grants(): Generator<Template> {
  const ref = below(26);
  const op = (
    name: keyof typeof GNTTABOP,
    made: Field[],
    stride: number,
    repeat = 3,
    rare = false,
  ): Template => ({
    name: `gnttab ${name}`,
    number: HYPERVISOR.grant_table_op,
    args: [is(GNTTABOP[name]), structure, repeat === 1 ? pick(1, 1, 1, 0, 2) : below(repeat + 1)],
    fields: made,
    stride,
    repeat,
    rare,
  });
  const map = (flags: Source, host: Source) =>
    fields(abi.gnttab_map_grant_ref, { host_addr: host, flags, ref, dom: neighbour });
  const size = abi.gnttab_map_grant_ref.size(64);
  yield op("map_grant_ref", map(pick(2, 2, 6, 3, 7, 1, 5, 0x3000a), spareAddress), size);
  yield {
    ...op("map_grant_ref", map(pick(0x12, 0x16, 0x13), entryAddress), size),
    name: "gnttab map_grant_ref pte",
  };
  yield {
    ...op("map_grant_ref", map(pick(2, 6), is(0x400000 + 14 * 4096)), size, 1),
    name: "gnttab map_grant_ref user",
  };
  const unmap = (host: Source) =>
    fields(abi.gnttab_unmap_grant_ref, {
      host_addr: host,
      dev_bus_addr: pick(0, 0, 0, 0x1000),
      handle: below(12),
    });
  yield op("unmap_grant_ref", unmap(spareAddress), abi.gnttab_unmap_grant_ref.size(64));
  yield {
    ...op("unmap_grant_ref", unmap(pick(0, 0x400000 + 14 * 4096)), abi.gnttab_unmap_grant_ref.size(64)),
    name: "gnttab unmap_grant_ref user",
  };
  yield op(
    "unmap_and_replace",
    fields(abi.gnttab_unmap_and_replace, {
      host_addr: spareAddress,
      new_addr: spareAddress,
      handle: below(12),
    }),
    abi.gnttab_unmap_and_replace.size(64),
  );
  yield op(
    "copy",
    fields(abi.gnttab_copy, {
      "source.u.gmfn": pick(8, 9, 10, 11, 12, 13, 14, 15, 16, 23, 0x7fffffff),
      "source.domid": neighbour,
      "source.offset": bits(4095),
      "dest.u.gmfn": frame,
      "dest.domid": self,
      "dest.offset": bits(4095),
      len: bits(4095),
      flags: pick(1, 1, 1, 0, 2, 3),
    }),
    abi.gnttab_copy.size(64),
  );
  yield {
    ...op(
      "copy",
      fields(abi.gnttab_copy, {
        "source.u.gmfn": frame,
        "source.domid": self,
        "source.offset": is(0),
        "dest.u.gmfn": below(26),
        "dest.domid": neighbour,
        "dest.offset": is(0),
        len: pick(8, 64, 4096),
        flags: pick(2, 2, 2, 3),
      }),
      abi.gnttab_copy.size(64),
    ),
    name: "gnttab copy out",
  };
  yield op(
    "setup_table",
    fields(abi.gnttab_setup_table, {
      dom: self,
      nr_frames: pick(1, 2, 4, 64, 65, 0xffffffff),
      frame_list: list,
    }),
    abi.gnttab_setup_table.size(64),
    1,
  );
  yield op("dump_table", fields(abi.gnttab_dump_table, { dom: self }), 8, 1);
  yield op("transfer", fields(abi.gnttab_transfer, { mfn: frame, domid, ref }), abi.gnttab_transfer.size(64));
  yield op("query_size", fields(abi.gnttab_query_size, { dom: domid }), 16, 1);
  yield op("set_version", fields(abi.gnttab_set_version, { version: below(4) }), 8, 1);
  yield op("get_version", fields(abi.gnttab_get_version, { dom: domid }), 8, 1);
  yield op(
    "get_status_frames",
    fields(abi.gnttab_get_status_frames, { dom: domid, nr_frames: any, frame_list: list }),
    24,
    1,
  );
  yield op(
    "swap_grant_ref",
    fields(abi.gnttab_swap_grant_ref, { ref_a: ref, ref_b: ref }),
    abi.gnttab_swap_grant_ref.size(64),
  );
  yield op("cache_flush", words(any, any), 16);
  yield {
    name: "gnttab many",
    number: HYPERVISOR.grant_table_op,
    args: [below(14), structure, pick(0x7fffffff, 0x80000000, 0x10000, 100)],
  };
}

function* events(): Generator<Template> {
  const vcpu = pick(0, 1, 0, 1, 2, 0xffffffff);
  const made: Record<keyof typeof EVTCHNOP, Field[]> = {
    bind_interdomain: fields(abi.evtchn_bind_interdomain, { remote_dom: domid, remote_port: port }),
    bind_virq: fields(abi.evtchn_bind_virq, { virq: below(26), vcpu }),
    bind_pirq: fields(abi.evtchn_bind_pirq, { pirq: below(64), flags: below(2) }),
    close: fields(abi.evtchn_close, { port }),
    send: fields(abi.evtchn_send, { port }),
    status: fields(abi.evtchn_status, { dom: self, port }),
    alloc_unbound: fields(abi.evtchn_alloc_unbound, { dom: self, remote_dom: domid }),
    bind_ipi: fields(abi.evtchn_bind_ipi, { vcpu }),
    bind_vcpu: fields(abi.evtchn_bind_vcpu, { port, vcpu }),
    unmask: fields(abi.evtchn_unmask, { port }),
    reset: fields(abi.evtchn_reset, { dom: self }),
    init_control: fields(abi.evtchn_init_control, { control_gfn: frame, offset: any, vcpu, link_bits: any }),
    expand_array: words(frame),
    set_priority: fields(abi.evtchn_set_priority, { port, priority: any }),
  };
  for (const [name, command] of Object.entries(EVTCHNOP)) {
    yield {
      name: `evtchn ${name}`,
      number: HYPERVISOR.event_channel_op,
      args: [is(command), structure],
      fields: made[name as keyof typeof EVTCHNOP],
      rare: name === "reset",
    };
  }
  yield {
    name: "evtchn compat",
    number: HYPERVISOR.event_channel_op_compat,
    args: [structure],
    fields: [
      { offset: 0, size: 4, source: pick(0, 1, 2, 4, 5, 6, 7, 8, 9, 99) },
      ...words(is(0), port).slice(1),
    ],
  };
}

function* vcpus(): Generator<Template> {
  const vcpu = pick(0, 1, 0, 1, 0, 1, 2, 0xffffffff);
  const made: Partial<Record<keyof typeof VCPUOP, Field[]>> = {
    register_runstate_memory_area: words(pick(0x404008, 0x404ffc, 0x40e000, 0, 0xffff800000000000n)),
    register_vcpu_time_memory_area: words(pick(0x404108, 0x404ff8, 0x40e000, 0, 0xffff800000000000n)),
    set_periodic_timer: words(pick(1_000_000, 3_000_000, 1, 0x7fffffffffffffffn)),
    set_singleshot_timer: words(any, below(2)),
    register_vcpu_info: words(spareFrame, pick(0, 8, 64, 4032, 4033, 4096)),
  };
  for (const [name, command] of Object.entries(VCPUOP)) {
    yield {
      name: `vcpu ${name}`,
      number: HYPERVISOR.vcpu_op,
      args: [is(command), vcpu, structure],
      fields: made[name as keyof typeof VCPUOP],
      rare: name === "register_vcpu_info" || name === "down",
    };
  }
  yield { name: "vcpu send_nmi", number: HYPERVISOR.vcpu_op, args: [is(VCPUOP.send_nmi), vcpu, is(0)] };
  for (const [name, command] of Object.entries(SCHEDOP)) {
    if (command === SCHEDOP.shutdown) continue;
    yield {
      name: `sched ${name}`,
      number: HYPERVISOR.sched_op,
      args: [is(command), structure],
      fields: command === SCHEDOP.poll
        ? [
          ...fields(abi.sched_poll, {
            ports: list,
            nr_ports: pick(0, 1, 2, 8, 129, 0xffffffff),
            timeout: pick(0, 1, 10_000_000),
          }),
          ...Array.from({ length: 8 }, (_, i) => ({ offset: 2048 + 4 * i, size: 4, source: port })),
        ]
        : command === SCHEDOP.watchdog
        ? fields(abi.sched_watchdog, { id: pick(0, 1, 2, 3, 0xffffffff), timeout: pick(0, 30, 0xffffffff) })
        : command === SCHEDOP.remote_shutdown
        ? fields(abi.sched_remote_shutdown, { domain_id: pick(0, 1, 2, 3, 0x7fff), reason: below(8) })
        : [],
      rare: command === SCHEDOP.block || command === SCHEDOP.shutdown_code || command === SCHEDOP.watchdog ||
        command === SCHEDOP.poll,
    };
  }
  yield { name: "sched_op_compat yield", number: HYPERVISOR.sched_op_compat, args: [pick(0, 4, 9), is(0)] };
}

function* rest(): Generator<Template> {
  const traps = {
    repeat: 6,
    stride: 16,
    fields: words(bits(0xffff07ffn), pick(0, 0x400000, 0xffffffff80000000n, 0x800000000000n)),
  };
  yield {
    name: "set_trap_table",
    number: HYPERVISOR.set_trap_table,
    args: [structure],
    ...traps,
    rare: true,
  };
  yield {
    name: "set_trap_table good",
    number: HYPERVISOR.set_trap_table,
    args: [structure],
    repeat: 8,
    stride: 16,
    fields: words(bits(0xe03304ffn), code),
  };
  yield {
    name: "stack_switch",
    number: HYPERVISOR.stack_switch,
    args: [pick(0xe02b, 0, 0xffff), any],
    rare: true,
  };
  yield { name: "set_callbacks", number: HYPERVISOR.set_callbacks, args: [any, any, any], rare: true };
  yield {
    name: "callback_op",
    number: HYPERVISOR.callback_op,
    args: [below(3), structure],
    fields: fields(abi.callback_register, {
      type: below(9),
      flags: below(4),
      address: pick(0, 0x400000, 0x800000000000n),
    }),
    rare: true,
  };
  yield {
    name: "callback_op syscall",
    number: HYPERVISOR.callback_op,
    args: [is(0), structure],
    fields: fields(abi.callback_register, { type: pick(2, 5, 7), flags: below(2), address: code }),
  };
  yield {
    name: "nmi_op",
    number: HYPERVISOR.nmi_op,
    args: [below(3), structure],
    fields: words(code, is(0)),
  };
  yield { name: "fpu_taskswitch", number: HYPERVISOR.fpu_taskswitch, args: [below(3)] };
  yield { name: "set_debugreg", number: HYPERVISOR.set_debugreg, args: [below(9), any] };
  yield {
    name: "set_debugreg armed",
    number: HYPERVISOR.set_debugreg,
    args: [pick(0, 1, 2, 3, 7), pick(0x400000, 0x404000, 0x404008, 0x403, 0xffff0403)],
  };
  yield { name: "get_debugreg", number: HYPERVISOR.get_debugreg, args: [below(9)] };
  yield { name: "set_timer_op", number: HYPERVISOR.set_timer_op, args: [any] };
  yield { name: "xen_version", number: HYPERVISOR.xen_version, args: [below(12), structure] };
  yield { name: "xen_version any", number: HYPERVISOR.xen_version, args: [below(12), any] };
  yield { name: "console_io", number: HYPERVISOR.console_io, args: [below(3), below(600), structure] };
  yield { name: "console_io any", number: HYPERVISOR.console_io, args: [below(3), any, any] };
  yield { name: "vm_assist", number: HYPERVISOR.vm_assist, args: [below(3), pick(0, 1, 2, 3, 4, 5, 32, 33)] };
  yield { name: "set_segment_base", number: HYPERVISOR.set_segment_base, args: [below(5), any] };
  for (const [name, command] of Object.entries(PHYSDEVOP)) {
    yield {
      name: `physdev ${name}`,
      number: HYPERVISOR.physdev_op,
      args: [is(command), structure],
      fields: command === PHYSDEVOP.set_iobitmap ? words(structure, any) : words(below(5), any, any),
    };
  }
  yield {
    name: "physdev compat",
    number: HYPERVISOR.physdev_op_compat,
    args: [structure],
    fields: words(below(32), below(5)),
  };
  for (
    const name of [
      "hvm_op",
      "platform_op",
      "sysctl",
      "domctl",
      "xsm_op",
      "kexec_op",
      "tmem_op",
      "xenpmu_op",
      "argo_op",
      "dm_op",
      "hypfs_op",
      "arch_0",
      "xenoprof_op",
    ] as const
  ) {
    yield { name, number: HYPERVISOR[name], args: [below(16), structure, any, any, any] };
    yield {
      name: `${name} structure`,
      number: HYPERVISOR[name],
      args: [structure, any],
      fields: words(below(128), any, any),
    };
  }
}

export const TEMPLATES: readonly Template[] = [
  ...mmu(),
  ...memory(),
  ...grants(),
  ...events(),
  ...vcpus(),
  ...rest(),
];

/** The table as assembly text. */
export function templateText(): string {
  const lines: string[] = ["        align 8", "template_count:", `dq ${TEMPLATES.length}`];
  const lists: string[] = [];
  const source = ({ kind, parameter = 0, values }: Source, size = 0, offset = 0): string => {
    let word = `${parameter}`;
    if (values !== undefined) {
      word = `pick${lists.length}`;
      lists.push(`${word}: dq ${values.length}, ${values.join(", ")}`);
    }
    return `dq ${BigInt(KINDS.indexOf(kind)) | BigInt(size) << 8n | BigInt(offset) << 32n}, ${word}`;
  };
  lines.push("templates:");
  TEMPLATES.forEach((_, i) => lines.push(`dq template${i}`));
  TEMPLATES.forEach(({ number, args, fields: made = [], repeat = 1, stride = 0, rare = false }, i) => {
    const head = BigInt(number) | BigInt(made.length) << 16n | BigInt(repeat) << 24n | BigInt(stride) << 32n |
      (rare ? 1n << 56n : 0n);
    lines.push(`template${i}: dq ${head}, ${i}`);
    for (let n = 0; n < 6; n++) lines.push(source(args[n] ?? any));
    for (const field of made) lines.push(source(field.source, field.size, field.offset));
  });
  return [...lines, ...lists].join("\n");
}
