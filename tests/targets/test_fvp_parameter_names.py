# SPDX-License-Identifier: Apache-2.0
"""Parameters of the whole model have no dot in their names; other output is none."""

from __future__ import annotations

from hil.targets.fvp_parameters import ModelParameters

LISTING = """
Fast Models [11.26.16]
# instance.parameter=value       #(type, mode) default = 'def value' : description
note=this is no parameter
disable_visualisation=0          # (bool  , init-time) default = '0'      : No windows
css.sms.rse.rom.raw_image=""     # (string, init-time) default = ''       : File
"""


def test_parameters_with_and_without_an_instance() -> None:
    """`disable_visualisation` of a model is known, `note=` in its output is not."""
    known = ModelParameters.parse(LISTING, binary="FVP").types
    assert known == {"disable_visualisation": "bool", "css.sms.rse.rom.raw_image": "string"}
