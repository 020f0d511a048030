/* SPDX-License-Identifier: Apache-2.0 */
/* From reset to main, and what happens at a fault. */
#include "firmware.h"

#define SCB_AIRCR REGISTER(0xE000ED0Cu)
#define SCB_CFSR REGISTER(0xE000ED28u)
#define SCB_HFSR REGISTER(0xE000ED2Cu)
#define AIRCR_KEY 0x05FA0000u
#define AIRCR_SYSRESETREQ 0x4u
#define NOWHERE 0xF0000000u

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;
int main(void);

static bool fault_in_handler;

void reset_system(void)
{
    __asm volatile("dsb" ::: "memory");
    SCB_AIRCR = AIRCR_KEY | AIRCR_SYSRESETREQ;
    __asm volatile("dsb" ::: "memory");
    for (;;) {
    }
}

void crash(void)
{
    (void)REGISTER(NOWHERE);
}

void lock_up(void)
{
    fault_in_handler = true;
    crash();
}

__attribute__((noreturn)) static void fault_handler(void)
{
    if (fault_in_handler) {
        crash();
    }
    put("FATAL ERROR: HardFault\r\n");
    put("Here is some context for the exception:\r\n");
    put("    CFSR: 0x");
    put_hex(SCB_CFSR);
    put("\r\n    HFSR: 0x");
    put_hex(SCB_HFSR);
    put("\r\n");
    for (;;) {
        __asm volatile("wfi");
    }
}

__attribute__((noreturn)) void reset_handler(void)
{
    uint32_t *from = &data_load;

    for (uint32_t *to = &data_start; to < &data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &bss_start; to < &bss_end; to++) {
        *to = 0;
    }
    main();
    for (;;) {
    }
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)&stack_top, reset_handler, fault_handler, fault_handler,
    fault_handler,      fault_handler, fault_handler, fault_handler,
    fault_handler,      fault_handler, fault_handler, fault_handler,
    fault_handler,      fault_handler, fault_handler, fault_handler,
};
