# SPDX-License-Identifier: Apache-2.0
"""What the firmware should do: pure functions and values, no files, clocks or devices."""
