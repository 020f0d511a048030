# SPDX-License-Identifier: Apache-2.0
"""The exchange of vHUK seeds as a small-step machine, for N RSEs and every order of events.

`system` says what is wired and provisioned, `raw` and `sfcp` are the two protocols, `values` gives
the machine real bytes or symbols, `machine` puts the steps together, `explore` walks through all
of them.
"""
