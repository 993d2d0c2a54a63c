; ---- data
        align   8
values: dq value_small, rnd, value_word, value_power, value_mask, value_negative, value_edge, value_area
        dq value_table, frame, entry_value, value_code, value_shared, value_m2p, value_hole, value_edge
kinds:  dq kind_const, kind_below, kind_pick, value, kind_bits, frame, kind_spare_frame, kind_spare_address
        dq entry_value, entry_address, kind_pointer, kind_port, kind_domid, kind_code
        dq kind_neighbour
actions: times 14 dq act_template
        dq act_raw, act_raw, act_raw, act_multicall, act_multicall, act_multicall
        dq act_store, act_store, act_store, act_store, act_user, act_user, act_user, act_kernel, act_kernel, act_iret, act_ring, act_user
stores: dq store_mov, store_mov, store_mov, store_half, store_byte, store_xchg, store_cmpxchg, store_cmpxchg16
        dq store_add, store_bits, store_or, store_many, store_copy, store_vector, store_push, store_call
entry_flags: dq 0, 1, 3, 5, 7, 7, 7, 7, 0x27, 0x67, 0x107, 0x87, 0x63, 0x17, 0x8000000000000067, 0x0010000000000063
entry_commands: db 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 4, 7
domids: dw 0x7ff0, 0, 1, 2, 0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4, 0x7fff, 0xffff, 3, 0x7ff0
neighbours: dw 0, 0, 0, 0                       ; this domain twice, the next, the one before
        align   8
edges:  dq 0x00007fffffffffff, 0x0000800000000000, 0xffff7fffffffffff, 0xffff800000000000
        dq 0xffff87ffffffffff, 0xffff880000000000, 0xffffffffffffffff, 0xfffffffffffff000
        dq 0xfffffffffffffff8, 0x00007ffffffffff8, 0x00007ffffffff000, 0xffff87fffffffff8
        dq 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000
        dq 0xfffffffe, 0x7ff0, 0x7ff1, 0x7ff2
        dq 0x8000000000000000, 0x7fffffffffffffff, 0x3fffffffffffffff, 0x1fffffffffffffff
        dq 0xffff880000000fff, 0x400000, 0x404ff8, 0xfffffffffffffffe
        dq 0xfffffff0, 0x80000001, 0x1000, 0xfff

start_info:    dq 0
p2m:           dq 0
victim:        dq 0
own_frames:    dq 0
own_base:      dq 0
user_l4_mfn:   dq 0
rings:         dq 0, 0
ring_ports:    dd 0, 0
op:            dq 0, 0, 0, 0
grant_list:    dq 0, 0
stage:         dq 0
stage_result:  dq 0
table_addresses: times 16 dq 0
frames:        times 96 dq 0

        align   4096
state0: dq 1, 0, 0, stack0, 0, 0, 0, 0
        times 6 dq 0
        dq 0, trap_table0, upcall0, user_pages, 0x400000, shared_page, 2, 0, 0, 0, 0, 0, 0
        align   1024
state1: dq 1, 0, 0, stack1, 0, 0, 0, 0
        times 6 dq 0
        dq 1, trap_table1, upcall1, user_pages + 8192, 0x402000, shared_page + 64, 3, 0, 0, 0, 0, 0, 0
        align   1024
        align   4096
bss:
; What follows takes no room in the file.
counts             equ bss                 ; 32
raw_calls          equ bss + 256           ; 65
template_calls     equ bss + 4096          ; 256
template_successes equ bss + 4096 + 2048   ; 256
stack0      equ bss + 4*4096
stack1      equ bss + 6*4096
user_pages  equ bss + 6*4096               ; 12
user_l4     equ bss + 18*4096
user_l3     equ bss + 19*4096
user_l2     equ bss + 20*4096
user_l1     equ bss + 21*4096
shared_page equ bss + 22*4096
grant_page  equ bss + 23*4096
spares      equ bss + 24*4096              ; SPARES
areas       equ bss + 88*4096              ; 8
hole        equ bss + 96*4096
hypercall_page equ bss + 97*4096
bss_end     equ bss + 98*4096
