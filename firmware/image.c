/* SPDX-License-Identifier: Apache-2.0 */
/* What a bootloader does: look at the image, refuse an older one, go on. */
#include "firmware.h"

__attribute__((section(".image_header"), used)) const struct image_header image_header = {
    .magic = IMAGE_MAGIC, .major = 1, .minor = 0, .revision = 0, .security_counter = 1,
};

bool image_accepted(void)
{
    /* Volatile: whoever loads the image may have changed it, so the compiler must not know it. */
    const volatile struct image_header *header = &image_header;
    uint32_t mine = header->security_counter;
    uint32_t seen = nvm()->security_counter;

    put("[INF] Starting bootloader\r\n");
    if (header->magic != IMAGE_MAGIC) {
        put("[ERR] Bad image magic 0x");
        put_hex(header->magic);
        put("\r\n[ERR] Unable to find bootable image\r\n");
        return false;
    }
    if (mine < seen) {
        put("[ERR] Image security counter value ");
        put_number(mine);
        put(" lower than monotonic value ");
        put_number(seen);
        put("\r\n[ERR] Unable to find bootable image\r\n");
        return false;
    }
    nvm()->security_counter = mine;
    put("[INF] Image version: v");
    put_number(header->major);
    put_byte('.');
    put_number(header->minor);
    put_byte('.');
    put_number(header->revision);
    put("\r\n[INF] Jumping to the first image slot\r\n");
    return true;
}
