# SPDX-License-Identifier: Apache-2.0
"""Hardware-in-the-loop tests for systems with several Arm Runtime Security Engines."""

__version__ = "0.1.0"
