# SPDX-License-Identifier: Apache-2.0
"""What differs between two runs, or two groups of runs.

`sides` reads them; `verdicts`, `times`, `values` and `logs` compare one aspect each; `comparison`
puts them together, `text` shows them. `lines` and `alignment` are the diff of UART logs.
"""
