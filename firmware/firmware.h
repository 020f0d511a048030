/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware that talks like TF-M: stages of a boot, tests, and commands that go wrong on purpose. */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include <stdbool.h>
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* What an image says of itself, 0x100 bytes behind its start. */
struct image_header {
    uint32_t magic;
    uint8_t major;
    uint8_t minor;
    uint16_t revision;
    uint32_t security_counter;
};
#define IMAGE_MAGIC 0x464C4948u /* "HILF" */
extern const struct image_header image_header;

/* Memory that keeps its content over a reset; erased or new it holds anything. */
#define NVM_BASE 0x10070000u
struct nvm {
    uint32_t magic;
    uint32_t counter;
    uint32_t security_counter;
};
#define NVM_MAGIC 0x314D564Eu /* "NVM1" */
volatile struct nvm *nvm(void);

/* A word that whoever loads the image may put here: the first command of every boot. */
#define SCENARIO_BASE 0x10068000u
#define SCENARIO_SIZE 32u

void uart_init(void);
void put(const char *text);
void put_number(uint32_t value);
void put_hex(uint32_t value);
void put_byte(char byte);
char get_byte(void);

/* Whether this image may boot; says why not. */
bool image_accepted(void);

/* Test that goes wrong, by the last digit of its id; 0 for none. */
enum fault { NO_FAULT, FAIL_TEST, CRASH_IN_TEST, HANG_IN_TEST };
void run_suites(enum fault fault);

/* Do what one line asks for. */
void command(const char *line);
void command_loop(void);

void reset_system(void) __attribute__((noreturn));
/* Reads from where nothing is: the core takes a fault. */
void crash(void);
/* Makes the fault handler fault as well: the core locks up. */
void lock_up(void);

#endif
