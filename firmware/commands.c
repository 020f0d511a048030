/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that the UART, or whoever loaded the image, asks for. */
#include "firmware.h"

#define LINE_SIZE 32u
#define FLOOD_LINES 4000u

static bool equal(const char *one, const char *other)
{
    while (*one && *one == *other) {
        one++;
        other++;
    }
    return *one == *other;
}

static void show(void)
{
    put("counter=");
    put_number(nvm()->counter);
    put(" security_counter=");
    put_number(nvm()->security_counter);
    put("\r\n");
}

static void count(void)
{
    nvm()->counter++;
    show();
}

static void reset(void)
{
    put("resetting\r\n");
    reset_system();
}

static void fail(void) { run_suites(FAIL_TEST); }
static void crash_in_test(void) { run_suites(CRASH_IN_TEST); }
static void hang_in_test(void) { run_suites(HANG_IN_TEST); }
static void run(void) { run_suites(NO_FAULT); }

static void hang(void)
{
    for (;;) {
    }
}

static void flood(void)
{
    for (uint32_t line = 0; line < FLOOD_LINES; line++) {
        put("flood ");
        put_number(line);
        put("\r\n");
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} commands[] = {
    {"show", show},          {"count", count},   {"reset", reset},
    {"run", run},            {"fail", fail},     {"crash", crash},
    {"lockup", lock_up},     {"hang", hang},     {"flood", flood},
    {"crash_in_test", crash_in_test}, {"hang_in_test", hang_in_test},
};

void command(const char *line)
{
    for (uint32_t at = 0; at < sizeof(commands) / sizeof(commands[0]); at++) {
        if (equal(line, commands[at].name)) {
            commands[at].run();
            return;
        }
    }
    put("unknown command: ");
    put(line);
    put("\r\n");
}

void command_loop(void)
{
    char line[LINE_SIZE];
    uint32_t length = 0;

    for (;;) {
        char byte = get_byte();

        if (byte == '\r' || byte == '\n') {
            line[length] = '\0';
            if (length > 0) {
                command(line);
            }
            length = 0;
        } else if (length < LINE_SIZE - 1) {
            line[length++] = byte;
        }
    }
}
