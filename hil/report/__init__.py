# SPDX-License-Identifier: Apache-2.0
"""What is kept and shown: run record, JUnit, verdicts."""
