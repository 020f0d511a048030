/* SPDX-License-Identifier: Apache-2.0 */
/* A few tests, printed as tf-m-tests prints its own. */
#include "firmware.h"

#define SYST_CSR REGISTER(0xE000E010u)
#define SYST_RVR REGISTER(0xE000E014u)
#define SYST_CVR REGISTER(0xE000E018u)
#define SYST_COUNTED 0x10000u
#define SCB_CPUID REGISTER(0xE000ED00u)

enum verdict { PASSED, FAILED, SKIPPED };

struct test {
    const char *id;
    const char *description;
    enum verdict (*run)(enum fault fault);
};

static enum verdict core_is_cortex_m33(enum fault fault)
{
    (void)fault;
    return (SCB_CPUID & 0xFFF0u) == 0xD210u ? PASSED : FAILED;
}

static enum verdict timer_counts(enum fault fault)
{
    if (fault == CRASH_IN_TEST) {
        crash();
    }
    while (fault == HANG_IN_TEST) {
    }
    SYST_RVR = 1000;
    SYST_CVR = 0;
    SYST_CSR = 0x5;
    while (!(SYST_CSR & SYST_COUNTED)) {
    }
    SYST_CSR = 0;
    return PASSED;
}

static enum verdict memory_holds(enum fault fault)
{
    volatile uint32_t words[16];

    for (uint32_t at = 0; at < 16; at++) {
        words[at] = at * 0x9E3779B9u;
    }
    if (fault == FAIL_TEST) {
        words[7] ^= 1;
    }
    for (uint32_t at = 0; at < 16; at++) {
        if (words[at] != at * 0x9E3779B9u) {
            put("\x1b[31m  A word of the stack changed (Failed at suite.c:7)\r\n");
            return FAILED;
        }
    }
    return PASSED;
}

static enum verdict no_flash_here(enum fault fault)
{
    (void)fault;
    put("This board has no flash controller. Skipping...");
    return SKIPPED;
}

static enum verdict counter_is_kept(enum fault fault)
{
    (void)fault;
    return nvm()->magic == NVM_MAGIC ? PASSED : FAILED;
}

static const struct test secure_tests[] = {
    {"TFM_S_HIL_TEST_1001", "The core is a Cortex-M33", core_is_cortex_m33},
    {"TFM_S_HIL_TEST_1002", "The timer counts", timer_counts},
    {"TFM_S_HIL_TEST_1003", "The memory holds what was written", memory_holds},
    {"TFM_S_HIL_TEST_1004", "The flash can be erased", no_flash_here},
};
static const struct test non_secure_tests[] = {
    {"TFM_NS_HIL_TEST_1001", "The non-volatile memory has its mark", counter_is_kept},
};

struct area {
    const char *name;
    const char *suite;
    const struct test *tests;
    uint32_t count;
};

static const struct area areas[] = {
    {"Secure", "HIL firmware S tests (TFM_S_HIL_TEST_1XXX)", secure_tests, 4},
    {"Non-secure", "HIL firmware NS tests (TFM_NS_HIL_TEST_1XXX)", non_secure_tests, 1},
};

static enum verdict run_test(const struct test *test, enum fault fault)
{
    static const char *const colours[] = {"\x1b[32m", "\x1b[31m", "\x1b[0m"};
    static const char *const words[] = {"PASSED", "FAILED", "SKIPPED"};
    enum verdict verdict;

    put("\x1b[0m> Executing '");
    put(test->id);
    put("' \r\n  Description: '");
    put(test->description);
    put("'\r\n");
    verdict = test->run(fault);
    put(colours[verdict]);
    put("  TEST: ");
    put(test->id);
    put(" - ");
    put(words[verdict]);
    put("!\r\n");
    return verdict;
}

static void put_count(const char *what, uint32_t count, uint32_t all)
{
    if (count > 0) {
        put("\x1b[0mNumber of ");
        put(what);
        put(" tests: ");
        put_number(count);
        put(" of ");
        put_number(all);
        put("\r\n");
    }
}

static void run_area(const struct area *area, enum fault fault)
{
    uint32_t counts[3] = {0, 0, 0};

    put("\x1b[33m\r\n#### Execute test suites for the ");
    put(area->name);
    put(" area ####\r\n\x1b[33mRunning Test Suite ");
    put(area->suite);
    put("...\r\n");
    for (uint32_t at = 0; at < area->count; at++) {
        counts[run_test(&area->tests[at], fault)]++;
    }
    put_count("failed", counts[FAILED], area->count);
    put_count("skipped", counts[SKIPPED], area->count);
    put(counts[FAILED] ? "\x1b[31mTESTSUITE FAILED!\r\n" : "\x1b[32mTESTSUITE PASSED!\r\n");
    put("\x1b[33m\r\n*** ");
    put(area->name);
    put(" test suites summary ***\r\n\x1b[0mTest suite '");
    put(area->suite);
    put(counts[FAILED] ? "' has\x1b[31m FAILED\r\n" : "' has\x1b[32m PASSED\r\n");
    put("\x1b[33m\r\n*** End of ");
    put(area->name);
    put(" test suites ***\r\n\x1b[0m");
}

void run_suites(enum fault fault)
{
    run_area(&areas[0], fault);
    put("Non-Secure system starting...\r\n");
    run_area(&areas[1], NO_FAULT);
    put_byte('\x04');
    put("\r\n");
}
