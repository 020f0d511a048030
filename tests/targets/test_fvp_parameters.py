# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from hil.errors import DeviceError, UsageError
from hil.targets.fvp_parameters import ModelParameters

LISTING = """\
# Parameters:
# instance.parameter=value       #(type, mode) default = 'def value' : description : [min..max]
#------------------------------------------------------------------------------
css10.sysctrl.rse.rom.raw_image=""       # (string, init-time) default = '' : Path
css2.sysctrl.rse.rom.raw_image=""        # (string, init-time) default = '' : Path
css2.sysctrl.xrse.rom.raw_image=""       # (string, init-time) default = '' : Path
mps3_board.telnetterminal0.start_telnet=0  # (bool  , init-time) default = '1'      : Start telnet
css.gic_distributor.ITS-device-bits=16   # (int   , init-time) default = '0x10' : bits : [0x0..0x20]
"""


@pytest.fixture
def model() -> ModelParameters:
    return ModelParameters.parse(LISTING, binary="FVP")


def test_rows_are_read_with_their_types(model: ModelParameters):
    """Names may hold hyphens; comments are no parameters."""
    assert model.types["mps3_board.telnetterminal0.start_telnet"] == "bool"
    assert model.types["css.gic_distributor.ITS-device-bits"] == "int"
    assert len(model.types) == 5


def test_prefixes_come_in_natural_order_and_match_whole_names(model: ModelParameters):
    """css2 is before css10; an instance that ends in `rse` is not the RSE."""
    assert model.prefixes("*.rse.rom.raw_image") == ["css2.sysctrl.rse", "css10.sysctrl.rse"]


@pytest.mark.parametrize("ids", [[0], [0, 1, 2]])
def test_another_number_of_rses_than_the_board_has_lists_what_was_found(
    model: ModelParameters, ids: list[int]
):
    """More is as wrong as fewer."""
    with pytest.raises(UsageError) as caught:
        model.rse_prefixes("*.rse.rom.raw_image", ids)
    assert f"the board has {len(ids)} RSE(s), but 2" in str(caught.value)
    assert "css2.sysctrl.rse, css10.sysctrl.rse" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mps3_board.telnetterminal0.start_telnet", "true", None),
        ("css.gic_distributor.ITS-device-bits", "0x14", None),
        ("css2.sysctrl.rse.rom.raw_image", "any text", None),
        ("mps3_board.telnetterminal0.start_telnet", "2", "expected a bool"),
        ("css.gic_distributor.ITS-device-bits", "many", "expected an int"),
        ("mps3_board.telnet_terminal0.start_telnet", "1", "nearest: mps3_board.telnetterminal0"),
    ],
)
def test_a_parameter_that_the_model_would_refuse_is_found(
    model: ModelParameters, name: str, value: str, words: str | None
):
    """Wrong names get the nearest one, wrong values the type."""
    problem = model.problem(name, value)
    assert problem is None if words is None else words in str(problem)


def test_a_listing_without_parameters_is_no_model():
    """Another program's output must not pass for an empty list."""
    with pytest.raises(DeviceError, match="lists no parameters"):
        ModelParameters.parse("usage: tool [options]\n", binary="tool")
