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
    with pytest.raises(DeviceError, match=r"lists no parameters: usage: tool \[options\] \(run it"):
        ModelParameters.parse("usage: tool [options]\n", binary="tool")
    with pytest.raises(DeviceError, match="lists no parameters: it printed nothing"):
        ModelParameters.parse("\n", binary="tool")


def test_values_are_known_as_well(model: ModelParameters):
    """What a model has unless it is told otherwise, without quotes."""
    assert model.values["css10.sysctrl.rse.rom.raw_image"] == ""
    assert model.values["css.gic_distributor.ITS-device-bits"] == "16"


def test_terminals_are_known_by_what_they_have():
    """Whatever their names are."""
    rows = "a.start_telnet=1 # (bool\na.start_port=5000 # (int\nb.start_port=1 # (int\n"
    assert ModelParameters.parse(rows, binary="FVP").terminals() == ["a"]


def test_a_list_that_begins_with_the_top_level_instance_is_the_same_list():
    """Models take names with it and without it; which of them they list is not known."""
    rows = LISTING.replace("\ncss", "\nRD_V3.css").replace("\nmps3", "\nRD_V3.mps3")
    listed = ModelParameters.parse(rows, binary="FVP")
    assert listed.problem("css.gic_distributor.ITS-device-bits", "20") is None
    assert "expected an int" in str(listed.problem("css.gic_distributor.ITS-device-bits", "x"))
    assert listed.problem("RD_V3.css2.sysctrl.rse.rom.raw_image", "x") is None
    assert "no parameter" in str(listed.problem("css.none", "1"))
    assert listed.prefixes("*.rse.rom.raw_image")[0] == "RD_V3.css2.sysctrl.rse"


def test_a_renamed_parameter_of_a_large_model_is_found_quickly():
    """The same instance or the same last name comes first; no night goes into looking."""
    rows = "".join(
        f"css{chip}.block{n}.unit.param{m}=0 # (int   , init-time)\n"
        for chip in range(4) for n in range(500) for m in range(10)
    )  # fmt: skip
    rows += "css0.sysctrl.rse.intchecker.ICBC_RESET_VALUE=0 # (int   , init-time)\n"
    listed = ModelParameters.parse(rows, binary="FVP")
    wrong = listed.problem("css.sysctrl.rss.intchecker.ICBC_RESET_VALUE", "1")
    assert "nearest: css0.sysctrl.rse.intchecker.ICBC_RESET_VALUE" in str(wrong)
    assert "nearest" not in str(listed.problem("css.sysctrl.x", "1", suggest=False))
