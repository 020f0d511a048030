/* SPDX-License-Identifier: Apache-2.0 */
/* One boot: bootloader, runtime, the scenario that was loaded or the tests, then commands. */
#include "firmware.h"

#define ERASED '\xff'

/* Copy the word that was loaded beside the image; false if there is none. */
static bool scenario(char *line)
{
    const volatile char *from = (const volatile char *)SCENARIO_BASE;
    uint32_t at = 0;

    while (at < SCENARIO_SIZE - 1 && from[at] != '\0' && from[at] != '\n' && from[at] != ERASED) {
        line[at] = from[at];
        at++;
    }
    line[at] = '\0';
    return at > 0;
}

int main(void)
{
    char line[SCENARIO_SIZE];

    uart_init();
    if (image_accepted()) {
        put("[NOT] Booting TF-M v2.3.1+hil.firmware\r\n");
        if (scenario(line)) {
            command(line);
        } else {
            run_suites(NO_FAULT);
        }
    }
    command_loop();
    return 0;
}
