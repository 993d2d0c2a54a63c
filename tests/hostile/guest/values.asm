; ---- random numbers

; rax = 64 random bits (xorshift); changes rdx
rnd:
        mov     rax, [rbp + S_RNG]
        mov     rdx, rax
        shl     rdx, 13
        xor     rax, rdx
        mov     rdx, rax
        shr     rdx, 7
        xor     rax, rdx
        mov     rdx, rax
        shl     rdx, 17
        xor     rax, rdx
        mov     [rbp + S_RNG], rax
        mov     rdx, 0x2545f4914f6cdd1d
        imul    rax, rdx
        ret

; rcx: a limit below 2^32. rax = a number below it
below:
        call    rnd
        shr     rax, 32
        mul     rcx
        shr     rax, 32
        ret

; rax = a value that breaks things: boundaries, addresses, frames
value:
        call    rnd
        mov     esi, eax
        shr     rax, 60
        lea     rdx, [rel values]
        jmp     qword [rdx + rax*8]
value_small:
        mov     eax, esi
        and     eax, 15
        ret
value_word:
        mov     eax, esi
        ret
value_power:
        mov     ecx, esi
        mov     eax, 1
        shl     rax, cl
        ret
value_mask:
        call    value_power
        dec     rax
        ret
value_negative:
        mov     eax, esi
        and     eax, 15
        neg     rax
        ret
value_edge:
        and     esi, 31
        lea     rdx, [rel edges]
        mov     rax, [rdx + rsi*8]
        ret
value_area:
        and     esi, 4095
        mov     rax, [rbp + S_AREA]
        add     rax, rsi
        ret
value_table:
        mov     eax, esi
        and     eax, 15
        shr     esi, 20
        lea     rdx, [rel table_addresses]
        add     rsi, [rdx + rax*8]
        mov     rax, rsi
        ret
value_code:
        and     esi, 0x3fff
        lea     rax, [rel base]
        add     rax, rsi
        ret
value_shared:
        and     esi, 4095
        lea     rax, [rel shared_page]
        add     rax, rsi
        ret
value_m2p:
        call    frame
        shl     rax, 3
        mov     rdx, MACH2PHYS
        add     rax, rdx
        ret
value_hole:
        and     esi, 63
        lea     rax, [rel hole]
        sub     rax, rsi
        ret

; rax = an mfn: mostly of a spare page, else of a page table, of something forbidden, or wild
frame:
        call    rnd
        mov     esi, eax
        shr     rax, 61
        lea     rdx, [rel frames]
        cmp     eax, 5
        jb      .spare
        je      .table
        cmp     eax, 6
        jne     value_word
        and     esi, 15
        mov     rax, [rdx + rsi*8 + SPECIAL*8]
        ret
.table:
        and     esi, 15
        mov     rax, [rdx + rsi*8 + TABLES*8]
        ret
.spare:
        and     esi, SPARES - 1
        mov     rax, [rdx + rsi*8]
        ret

; rax = a page-table entry
entry_value:
        call    rnd
        test    al, 7
        jz      .none
        shr     rax, 60
        lea     rdx, [rel entry_flags]
        mov     r8, [rdx + rax*8]
        call    frame
        shl     rax, 12
        or      rax, r8
        ret
.none:
        xor     eax, eax
        ret

; rax = the machine address of a page-table entry, with mmu_update's command in the low bits
entry_address:
        call    rnd
        mov     r9, rax
        shr     rax, 61
        mov     esi, r9d
        shr     esi, 9
        and     esi, 7
        lea     rdx, [rel frames]
        cmp     eax, 4
        jb      .user
        cmp     eax, 6
        jb      .spare
        je      .any
        mov     r8, [rdx + rsi*8 + TABLES*8]
        jmp     .slot
.user:
        mov     r8, [rdx + rsi*8 + USER_TABLES*8]
        jmp     .slot
.spare:
        mov     r8, [rdx + rsi*8]
        jmp     .slot
.any:
        call    frame
        mov     r8, rax
.slot:
        shl     r8, 12
        mov     eax, r9d
        and     eax, 511
        test    r9d, 0x10000
        jz      .whole
        and     eax, 31
.whole:
        shl     eax, 3
        add     r8, rax
        shr     r9, 24
        mov     eax, r9d
        and     eax, 15
        lea     rdx, [rel entry_commands]
        movzx   eax, byte [rdx + rax]
        add     rax, r8
        ret

; r13: {kind, -} and a parameter. rax = a value of that kind
generate:
        movzx   eax, byte [r13]
        mov     rsi, [r13 + 8]
        lea     rdx, [rel kinds]
        jmp     qword [rdx + rax*8]
kind_const:
        mov     rax, rsi
        ret
kind_below:
        mov     rcx, rsi
        jmp     below
kind_pick:
        mov     r8, rsi
        mov     rcx, [rsi]
        call    below
        mov     rax, [r8 + rax*8 + 8]
        ret
kind_bits:
        call    rnd
        and     rax, rsi
        ret
kind_spare_frame:
        call    rnd
        shr     rax, 58
        lea     rdx, [rel frames]
        mov     rax, [rdx + rax*8]
        ret
kind_spare_address:
        call    rnd
        shr     rax, 58
        shl     rax, 12
        lea     rdx, [rel spares]
        add     rax, rdx
        ret
; rsi: offset. Sometimes not aligned, or at the end of what is mapped.
kind_pointer:
        mov     r8, rsi
        add     r8, [rbp + S_AREA]
        call    rnd
        mov     esi, eax
        shr     rax, 58
        jz      value_hole
        cmp     eax, 1
        je      value
        cmp     eax, 2
        jne     .right
        and     esi, 7
        add     r8, rsi
.right:
        mov     rax, r8
        ret
kind_port:
        call    rnd
        mov     edx, 31
        test    eax, 0x70000
        jnz     .few
        mov     edx, 0x1fff
.few:
        and     eax, edx
        ret
kind_domid:
        call    rnd
        shr     rax, 60
        lea     rdx, [rel domids]
        movzx   eax, word [rdx + rax*2]
        ret
kind_neighbour:
        call    rnd
        shr     rax, 62
        lea     rdx, [rel neighbours]
        movzx   eax, word [rdx + rax*2]
        ret
kind_code:
        lea     rax, [rel trap0]
        lea     rdx, [rel trap1]
        test    byte [rbp + S_VCPU], 1
        cmovnz  rax, rdx
        ret
