# SPDX-License-Identifier: Apache-2.0
"""From bytes on a UART to meaning: capture, transcript, line grammar, boot stages."""
