# SPDX-License-Identifier: Apache-2.0
"""How one device is driven: boards through pyOCD, Arm FVPs."""
