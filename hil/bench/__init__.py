# SPDX-License-Identifier: Apache-2.0
"""Which devices there are: board files, locks, services, the live bench."""
