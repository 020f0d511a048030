# SPDX-License-Identifier: Apache-2.0
"""What a model writes during a run: copies of its own, fresh or filled with a kept OTP."""

from __future__ import annotations

from collections.abc import Callable

from hil.targets.fvp_command import Names
from hil.targets.fvp_images import Copies
from hil.targets.fvp_nvm import KeptState
from hil.targets.fvp_settings import FvpSettings


class RunState:
    """Copies of one run, and the kept state that they come from and go back to.

    Args:
        settings: `launcher` of the board file.
        names: What placeholders stand for.
        note: Takes one sentence about what happened.
    """

    def __init__(self, settings: FvpSettings, names: Names, note: Callable[[str], None]) -> None:
        self.names = names
        self.copies = Copies(settings, names)
        self._note = note
        self._kept = kept_state(settings, names)
        self._made = False
        self._filled = False
        self._number: int | None = None
        self._doubt: str | None = None

    @property
    def nvm(self) -> str:
        """Which provisioning state is in use, in words."""
        if self._kept is None:
            return "fresh for this run"
        if self._number is None:
            return f"fresh, to be kept in {self._kept.folder}"
        return f"kept, state {self._number} of {self._kept.folder}"

    def make(self) -> None:
        """Make the copies, the first time; take the kept state, until `release`.

        Raises:
            UsageError: An original or the kept state is missing or damaged.
            DeviceError: Another run uses the kept state.
        """
        if self._kept is not None:
            self._kept.take()
        if not self._made:
            self.copies.make()
            self._made = True
        if self._kept is not None and not self._filled:
            # Also after a release: another run may have kept something else since.
            self._number = self._kept.fill(self.copies.targets)
            self._filled, self._doubt = True, None
            if self._number is not None:
                self.copies.come_from(self._kept.folder / f"state-{self._number}")

    def settle(self, *, orderly: bool, how: str) -> None:
        """After an end: unpack what was packed, and keep the OTP if it is whole.

        Args:
            orderly: Whether the model ended itself.
            how: What its end took.
        """
        for name in self.copies.settle():
            self._note(f"{name}: the model wrote it with gzip; unpacked")
        if self._kept is None:
            return
        missing = [name for name, copy in self.copies.targets.items() if not copy.is_file()]
        if not orderly:
            self._doubt = self._doubt or f"the model did not end in good order ({how})"
        elif missing:
            self._doubt = f"the model wrote no {missing[0]}"
        if self._doubt:
            self._note(f"the OTP is not kept: {self._doubt}; {self._kept.folder} is as it was")
            return
        number = self._kept.keep(self.copies.targets)
        self._note(f"the OTP is kept: state {number} of {self._kept.folder}")

    def release(self) -> None:
        """Let other runs have the kept state."""
        if self._kept is not None:
            self._kept.release()
            self._filled = False


def kept_state(settings: FvpSettings, names: Names) -> KeptState | None:
    """The folder that keeps the OTP, None where every run starts fresh."""
    if settings.nvm.keep is None:
        return None
    folder = names.board / names.of(settings.nvm.keep, where="launcher.nvm.keep")
    return KeptState(folder, f"the run {names.state.parent.name}")
