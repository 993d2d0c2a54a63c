; A store into a page table that is mapped read-only (or a spare page, whatever it is by now), by one of several instructions
act_store:
        call    entry_value
        mov     r12, rax
        call    rnd
        mov     esi, eax
        shr     rax, 60
        lea     rdx, [rel table_addresses]
        mov     rbx, [rdx + rax*8]
        cmp     eax, 8
        jae     .address
        ; The kernel's own tables half of the time only
        test    esi, 0x40000
        jz      .address
        mov     eax, esi
        shr     eax, 26
        shl     eax, 12
        lea     rbx, [rel spares]
        add     rbx, rax
.address:
        mov     eax, esi
        and     eax, 0xff8
        test    esi, 0x70000
        jnz     .aligned
        mov     eax, esi
        and     eax, 0xfff
.aligned:
        add     rbx, rax
        shr     esi, 20
        and     esi, 15
        lea     rdx, [rel stores]
        mov     rax, r12
        jmp     qword [rdx + rsi*8]
store_mov:
        mov     [rbx], rax
        ret
store_half:
        mov     [rbx], eax
        ret
store_byte:
        mov     [rbx], al
        ret
store_xchg:
        xchg    [rbx], rax
        ret
store_cmpxchg:
        mov     r8, rax
        mov     rax, [rbx]
        lock cmpxchg [rbx], r8
        ret
store_cmpxchg16:
        and     rbx, -16
        mov     rcx, rax
        mov     rax, [rbx]
        mov     rdx, [rbx + 8]
        lock cmpxchg16b [rbx]
        ret
store_add:
        lock xadd [rbx], rax
        ret
store_bits:
        and     eax, 63
        lock btc qword [rbx], rax
        ret
store_or:
        or      qword [rbx], 2
        ret
store_many:
        mov     rdi, rbx
        mov     ecx, 3
        rep stosq
        ret
store_copy:
        lea     rdi, [rbx]
        mov     rsi, [rbp + S_AREA]
        mov     ecx, 2
        rep movsq
        ret
store_vector:
        movq    xmm0, rax
        movups  [rbx], xmm0
        ret
store_push:
        call    rnd
        test    ax, 511
        jnz     store_many
        mov     rsp, rbx
        push    rax
        jmp     main
store_call:
        call    rnd
        test    ax, 511
        jnz     store_copy
        mov     rsp, rbx
        jmp     .there
.there:
        mov     r8, [rbp + S_AREA]
        mov     [r8], rax
        mov     word [r8 + 8], ax
        call    far qword [r8]
        jmp     main

; Garbage in a ring, and an event for the other end
act_ring:
        call    rnd
        mov     ebx, eax
        and     ebx, 1
        lea     rdx, [rel rings]
        mov     r12, [rdx + rbx*8]
        mov     esi, eax
        shr     esi, 8
        and     esi, 0xffc
        test    eax, 0x30000000
        jz      .somewhere
        ; The indexes: of the console at 3072, of XenStore's at 2048
        and     esi, 12
        add     esi, 3072
        test    ebx, ebx
        jz      .somewhere
        sub     esi, 1024
.somewhere:
        add     r12, rsi
        call    rnd
        test    eax, 0x700
        jnz     .small
        mov     [r12], eax
        jmp     .send
.small:
        shr     rax, 56
        mov     [r12], eax
.send:
        lea     rdx, [rel ring_ports]
        mov     eax, [rdx + rbx*4]
        mov     [rbp + S_BIND + 12], eax
        mov     edi, 4                          ; EVTCHNOP_send
        lea     rsi, [rbp + S_BIND + 12]
        mov     eax, 32
        syscall
        ret

; Code of known and of random instructions in this vCPU's page
make_code:
        push    r12
        push    r13
        push    r14
        mov     r12, [rbp + S_EXEC]
        mov     r14d, 24
.instruction:
        call    rnd
        and     eax, [rbp + S_WILD]
        jz      .random
        mov     rcx, [rbp + S_SNIPPETS]
        call    below
        lea     rdx, [rel snippets]
        mov     rsi, [rdx + rax*8]
        movzx   ecx, byte [rsi]
        movzx   r13d, byte [rsi + 1]
        add     rsi, 2
        mov     rdi, r12
        rep movsb
        mov     r12, rdi
        test    r13d, r13d
        jz      .next
.bytes:
        call    rnd
        mov     [r12], al
        inc     r12
        dec     r13d
        jnz     .bytes
        jmp     .next
.random:
        mov     [r12], rax
        add     r12, 3
.next:
        dec     r14d
        jnz     .instruction
        mov     ecx, 32
        mov     eax, 0x0b0f0b0f
        mov     rdi, r12
        rep stosd
        pop     r14
        pop     r13
        pop     r12
        ret

; Registers for random code. rsp and rbp stay.
scramble:
        call    value
        push    rax
        call    value
        push    rax
        call    value
        push    rax
        call    value
        mov     r12, rax
        call    value
        mov     r13, rax
        call    value
        mov     r14, rax
        call    value
        mov     r15, rax
        call    value
        mov     r10, rax
        call    value
        mov     rbx, rax
        call    value
        mov     rdi, rax
        call    kind_user_data
        mov     r9, rax
        call    kind_user_data
        mov     rsi, rax
        pop     r8
        pop     rdx
        pop     rcx
        ret
kind_user_data:
        call    rnd
        and     eax, 0xffff
        add     eax, 0x404000
        ret

act_user:
        mov     qword [rbp + S_WILD], 0x7000
        mov     rcx, [rel snippet_count]
        mov     [rbp + S_SNIPPETS], rcx
        call    make_code
        call    arm
        call    rnd
        mov     r12, rax
        ; ss, rsp, rflags, cs, rip, flags: HYPERVISOR_iret's frame
        mov     eax, 0xe02b
        push    rax
        mov     eax, r12d
        and     eax, 0xff8
        add     eax, 0x404000
        push    rax
        mov     eax, 0x202
        test    r12d, 0x3000
        jnz     .flags
        call    rnd
        and     eax, 0x2fffff
        or      eax, 0x202
.flags:
        push    rax
        mov     eax, 0xe033
        test    r12d, 0xf0000
        jnz     .code
        mov     eax, 0xe023
        test    r12d, 0x700000
        jnz     .code
        call    rnd
        or      eax, 3
        movzx   eax, ax
.code:
        push    rax
        push    qword [rbp + S_EXEC_VA]
        mov     eax, r12d
        shr     eax, 24
        and     eax, 1
        shl     eax, 8
        push    rax
        call    scramble
        jmp     hypercall_page + 23*32

; In kernel mode a bad stack is the end; that one is tried in one of 64 rounds.
act_kernel:
        call    rnd
        mov     rcx, [rel safe_snippet_count]
        mov     edx, 0x7fffff00
        test    al, 63
        jnz     .tame
        mov     rcx, [rel snippet_count]
        mov     edx, 0x7000
.tame:
        mov     [rbp + S_WILD], rdx
        mov     [rbp + S_SNIPPETS], rcx
        call    make_code
        call    arm
        mov     rax, [rbp + S_SHARED]
        mov     byte [rax + 1], 0
        call    scramble
        mov     rax, [rbp + S_EXEC_VA]
        jmp     rax

; A frame for HYPERVISOR_iret with anything in it
act_iret:
        call    arm
        mov     ecx, 9
.word:
        push    rcx
        call    value
        pop     rcx
        push    rax
        dec     ecx
        jnz     .word
        call    rnd
        test    ax, 0xff00
        jz      .go
        or      qword [rsp + 8*5], 3            ; to user mode
        test    al, 3
        jz      .go
        mov     qword [rsp + 8*5], 0xe033
        mov     qword [rsp + 8*8], 0xe02b
        mov     rax, [rbp + S_EXEC_VA]
        mov     [rsp + 8*4], rax
.go:
        mov     eax, 23
        syscall
        jmp     main

; ---- traps and events: the round is over
trap0:
        lea     rbp, [rel state0]
        jmp     trap
trap1:
        lea     rbp, [rel state1]
trap:
        inc     qword [rbp + S_TRAPS]
        jmp     main
upcall0:
        lea     rbp, [rel state0]
        jmp     upcall
upcall1:
        lea     rbp, [rel state1]
upcall:
        inc     qword [rbp + S_UPCALLS]
        mov     rdx, [rbp + S_SHARED]
        mov     byte [rdx], 0
        mov     qword [rdx + 8], 0
        lea     rdx, [rel shared_page]
        xor     eax, eax
        xchg    [rdx + 2048], rax
        jmp     main
failsafe:
        lea     rdx, [rel stack0]
        mov     rax, rsp
        sub     rdx, rax
        cmp     rdx, 4096
        jb      trap0
        jmp     trap1
