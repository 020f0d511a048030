# SPDX-License-Identifier: Apache-2.0
"""Stand-in devices: virtual RSE, debug probe and board, FVP executable."""
