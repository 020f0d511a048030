/* SPDX-License-Identifier: Apache-2.0 */
/* The CMSDK APB UART, polled. */
#include "firmware.h"

#define UART_DATA REGISTER(UART_BASE + 0x00u)
#define UART_STATE REGISTER(UART_BASE + 0x04u)
#define UART_CTRL REGISTER(UART_BASE + 0x08u)
#define UART_BAUDDIV REGISTER(UART_BASE + 0x10u)
#define STATE_TX_FULL 0x1u
#define STATE_RX_FULL 0x2u
#define CTRL_TX_AND_RX 0x3u
/* 20 or 25 MHz by 115200 baud; an emulated line takes any. */
#define DIVIDER 217u

void uart_init(void)
{
    UART_BAUDDIV = DIVIDER;
    UART_CTRL = CTRL_TX_AND_RX;
}

void put_byte(char byte)
{
    while (UART_STATE & STATE_TX_FULL) {
    }
    UART_DATA = (uint8_t)byte;
}

void put(const char *text)
{
    while (*text) {
        put_byte(*text++);
    }
}

void put_number(uint32_t value)
{
    if (value >= 10) {
        put_number(value / 10);
    }
    put_byte((char)('0' + value % 10));
}

void put_hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        put_byte("0123456789abcdef"[(value >> shift) & 0xFu]);
    }
}

char get_byte(void)
{
    while (!(UART_STATE & STATE_RX_FULL)) {
    }
    return (char)UART_DATA;
}
