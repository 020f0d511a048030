# SPDX-License-Identifier: Apache-2.0
"""The sub-commands of `hil`, one module each: `add(commands)` puts its parser in place.

What a command needs is imported when it runs: `hil log` starts without pyOCD, pydantic or YAML.
"""
