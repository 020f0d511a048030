# SPDX-License-Identifier: Apache-2.0
"""Sign-off: does what was asked for hold, on every board, with evidence that can be checked?

policy      what is required (YAML)            evidence    what was seen (runs, JUnit files)
judging     one against the other              bundle      all of it in one archive
"""
