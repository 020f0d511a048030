# SPDX-License-Identifier: Apache-2.0
"""Speed and memory of capture and console, beside other harnesses in the same run."""
