# SPDX-License-Identifier: Apache-2.0
"""Loads the fixtures of rse-hil for the testcases of this repository.

A lab's own repository needs no such line: there the installed package is a pytest plugin.
"""

pytest_plugins = ("hil_fixtures.plugin",)
