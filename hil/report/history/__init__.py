# SPDX-License-Identifier: Apache-2.0
"""Runs over time in one SQLite file: pass rates, first failures, flakes, stage times.

`schema` says what is kept, `database` opens the file, `adding` puts runs in; `results`, `flakes`,
`trends` ask, `text` and `plots` show.
"""
