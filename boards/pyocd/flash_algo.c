/* SPDX-License-Identifier: Apache-2.0
 *
 * Flash algorithm of the virtual RSE's boot flash, in the shape that CMSIS flash programming
 * tools call: every function returns 0 when it succeeded. Built for ARMv6-M, position independent,
 * no data. ci/build_flash_algo.py builds it and compares it with the words in virtual_rse.py.
 */
#include <stdint.h>

#define FLASH_BASE 0xB0000000u

struct controller {
    volatile uint32_t id;
    volatile uint32_t key;
    volatile uint32_t address;
    volatile uint32_t source;
    volatile uint32_t length;
    volatile uint32_t command;
    volatile uint32_t status;
};

#define CONTROLLER ((struct controller *)0x58200000u)
#define CONTROLLER_ID 0x52534E46u
#define UNLOCK_KEY 0x5EC0DE01u

enum command { ERASE_16K = 2, ERASE_CHIP = 3, PROGRAM = 4 };
enum status { BUSY = 1, ERROR = 2, LOCKED = 4 };

static uint32_t execute(enum command command, uint32_t address)
{
    CONTROLLER->address = address - FLASH_BASE;
    CONTROLLER->command = command;
    while (CONTROLLER->status & BUSY) {
    }
    return CONTROLLER->status;
}

uint32_t Init(uint32_t address, uint32_t clock, uint32_t operation)
{
    (void)address;
    (void)clock;
    (void)operation;
    if (CONTROLLER->id != CONTROLLER_ID) {
        return 1;
    }
    CONTROLLER->key = UNLOCK_KEY;
    return CONTROLLER->status;
}

uint32_t UnInit(uint32_t operation)
{
    (void)operation;
    CONTROLLER->key = 0;
    return 0;
}

uint32_t EraseChip(void)
{
    return execute(ERASE_CHIP, FLASH_BASE);
}

uint32_t EraseSector(uint32_t address)
{
    return execute(ERASE_16K, address);
}

uint32_t ProgramPage(uint32_t address, uint32_t size, const uint8_t *data)
{
    CONTROLLER->source = (uint32_t)data;
    CONTROLLER->length = size;
    return execute(PROGRAM, address);
}
