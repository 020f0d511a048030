# SPDX-License-Identifier: Apache-2.0
"""Which chips a virtual FVP has and what its instances are called, as data.

No public list of RD-V3-Cfg2's parameter prefixes exists; RD-V1-MC and RD-N2-Cfg2 number their
chips `css0..css3`, RD-V3-R1 says `socket0.css0`, RD-V3 just `css`. So a launcher that hard-codes
a prefix must be found out: one table row per shape.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.virtual.fvp_memory import VM0_BASE, VM1_BASE


@dataclass(frozen=True)
class ChipNames:
    """Instance names of one chip.

    Attributes:
        chip: Physical chip number, equal to the RSE id.
        css: The compute subsystem, such as `css0` or `socket0.css1`.
        terminal: Leaf name of the RSE's terminal; only leaves are announced.
        scp_terminal: Leaf name of the SCP's terminal.
    """

    chip: int
    css: str
    terminal: str
    scp_terminal: str

    @property
    def sysctrl(self) -> str:
        """The system control block, parent of the RSE."""
        return f"{self.css}.sysctrl"

    @property
    def rse(self) -> str:
        """The RSE subsystem."""
        return f"{self.sysctrl}.rse"

    @property
    def data_instances(self) -> dict[str, int]:
        """Instances that take `--data`, with what their addresses are relative to."""
        return {f"{self.rse}.cpu": 0, f"{self.rse}.sram0": VM0_BASE, f"{self.rse}.sram1": VM1_BASE}

    @property
    def uart(self) -> str:
        """The RSE's UART."""
        return f"{self.sysctrl}.rse_uart"

    @property
    def rse_terminal(self) -> str:
        """The terminal behind the RSE's UART."""
        return f"{self.sysctrl}.{self.terminal}"

    @property
    def flash_loader(self) -> str:
        """What fills the RSE's boot flash from a file."""
        return f"{self.sysctrl}.rse_flashloader"

    @property
    def scp_uart(self) -> str:
        """The SCP's UART; this model's SCP says nothing but noise."""
        return f"{self.sysctrl}.scp.pl011_uart_scp"

    @property
    def scp_console(self) -> str:
        """The terminal behind the SCP's UART."""
        return f"{self.sysctrl}.scp.{self.scp_terminal}"


@dataclass(frozen=True)
class Topology:
    """One model: its top-level instance and its chips."""

    top: str
    version: str
    chips: tuple[ChipNames, ...]

    def instances(self) -> list[str]:
        """All instances that a command line can name, the top-level instance first."""
        names = [self.top]
        for chip in self.chips:
            names += [chip.css, chip.sysctrl, chip.rse, *chip.data_instances]
            names += [chip.uart, chip.rse_terminal, chip.scp_uart, chip.scp_console]
        return names


def _chips(
    css: tuple[str, ...], terminal: str = "terminal_rse_uart", scp: str = "terminal_uart_scp"
) -> tuple[ChipNames, ...]:
    return tuple(ChipNames(chip, name, terminal, scp) for chip, name in enumerate(css))


#: Name in `virtual.topology` -> model.
TOPOLOGIES: dict[str, Topology] = {
    "rdv3": Topology("RD_V3", "11.29.35 (Apr 24 2025)", _chips(("css",))),
    "rdv3cfg2": Topology(
        "RD_V3_Cfg2", "11.29.35 (Apr 24 2025)", _chips(("css0", "css1", "css2", "css3"))
    ),
    # RD-V3-R1 prints generic leaves.
    "rdv3r1": Topology(
        "RD_V3_R1",
        "11.29.35 (Apr 24 2025)",
        _chips(("socket0.css0", "socket0.css1"), "terminal0", "terminal1"),
    ),
}
