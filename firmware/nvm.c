/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that outlive a reset. */
#include "firmware.h"

volatile struct nvm *nvm(void)
{
    volatile struct nvm *here = (volatile struct nvm *)NVM_BASE;

    if (here->magic != NVM_MAGIC) {
        here->counter = 0;
        here->security_counter = 0;
        here->magic = NVM_MAGIC;
    }
    return here;
}
