# SPDX-License-Identifier: Apache-2.0
"""One chip in pyOCD's hands; runs in a worker process, which alone imports pyOCD."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyocd
from pyocd.core.options import OPTIONS_INFO
from pyocd.core.session import Session
from pyocd.core.target import Target
from pyocd.flash.loader import MemoryLoader
from pyocd.probe.aggregator import PROBE_CLASSES, DebugProbeAggregator

from hil.targets import pyocd_guards as guards
from hil.targets.pyocd_errors import PYOCD_ERRORS, Refusal

_LOG = logging.getLogger(__name__)

#: Never CORE: Armv8-M has no VECTRESET, so that pyOCD's core reset does nothing and says nothing.
_RESETS = {"system": Target.ResetType.SYSTEM, "nreset": Target.ResetType.HARDWARE}

#: A user script that does nothing; without one pyOCD takes any pyocd_user.py that lies about.
_NO_SCRIPT = "/dev/null"

#: Seconds between two looks for a probe.
_LOOK_AGAIN = 0.25

_RAM_LOST = (
    "it was right before the reset with which the core takes its vectors, so this reset destroys "
    "it; try the other launcher.reset_type"
)


def find_probe(unique_id: str, appear: float = 0) -> Any:
    """Return the probe with exactly this id; pyOCD itself takes any id that contains it.

    Args:
        unique_id: The whole id.
        appear: Seconds in which a probe that has just got its power may appear on USB.

    Raises:
        Refusal: There is none; says which there are.
    """
    if unique_id.startswith("remote:"):
        return DebugProbeAggregator.get_probe_with_id(unique_id)
    deadline = time.monotonic() + appear
    while (probe := _connected(unique_id)) is None and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN)
    if probe is not None:
        return probe
    found = sorted(probe.unique_id for probe in DebugProbeAggregator.get_all_connected_probes())
    raise Refusal(
        f"no debug probe with the unique id {unique_id!r} within {appear:g} s",
        f"connected: {', '.join(found) or 'none'}; the board file needs the whole id; USB may need "
        "more time after power-on: launcher.timeouts.appear",
    )


def _connected(unique_id: str) -> Any:
    kind, colon, rest = unique_id.partition(":")
    typed = bool(colon) and kind.lower() in {name.lower() for name in PROBE_CLASSES}
    wanted = rest if typed else unique_id
    probes = DebugProbeAggregator.get_all_connected_probes(unique_id if typed else None)
    return next((probe for probe in probes if probe.unique_id == wanted), None)


class Chip:
    """Opens, loads, holds and releases one chip.

    Args:
        probe: Unique id of the probe.
        settings: The launcher's settings as JSON.
    """

    def __init__(self, probe: str, settings: Mapping[str, Any]) -> None:
        self._probe = probe
        self._settings = settings
        self._session: Any = None
        #: Whether a session could not be closed: pyOCD then keeps the probe open.
        self.broken = False

    @property
    def is_open(self) -> bool:
        """Whether a session with the chip is open."""
        return self._session is not None

    def ping(self) -> dict[str, Any]:
        """Ask the probe whether a chip answers; does not disturb a running core."""
        if self._session is not None:
            return {"state": self._session.target.get_state().name.lower()}
        session = self._new_session(self._settings["connect_mode"])
        try:
            session.open(init_board=False)
            session.target.dp.connect()
            return {"dpidr": session.target.dp.dpidr.idr}
        finally:
            # A session without a board leaves debug powered when it is closed.
            with contextlib.suppress(*PYOCD_ERRORS):
                session.target.dp.disconnect()
            self._close(session)

    def hold(self, kind: str | None) -> dict[str, Any]:
        """Stop the core at its reset vector.

        Args:
            kind: The reset to use; None: whatever the connect mode does.
        """
        fresh = self._session is None and self._connect(kind)
        if fresh:
            try:
                return {"pc": guards.check_at_reset_vector(self._session.target)}
            except Refusal as refusal:
                _LOG.info("under reset: %s; resetting once more", refusal)
        self._reset(kind or self._settings["reset_type"])
        return {"pc": guards.check_at_reset_vector(self._session.target)}

    def _connect(self, kind: str | None) -> bool:
        """Open a session; return whether the core should be at its reset vector already.

        A reset of a certain kind needs a core that runs, so that it is attached to. One that
        sleeps or has crashed cannot be: then the board's own connect mode gets hold of it.
        """
        mode = self._settings["connect_mode"]
        if kind is not None:
            try:
                self._open("attach")
            except PYOCD_ERRORS as error:
                _LOG.info("cannot attach (%s), connecting with %s", error, mode)
            else:
                return False
        self._open(mode)
        return kind is None and mode == "under-reset"

    def load(self, images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Program flash, read back, reset, write RAM, read back; the core stays halted.

        Flash is read before the reset: afterwards it may not be mapped until the ROM has run.
        RAM is written after it: the flash algorithm has used RAM too. A core that starts from this
        RAM has taken the vectors that stood there before, and is reset once more.
        """
        target, memory_map = self._session.target, self._session.target.memory_map
        guards.check_images(memory_map, images)
        notes = guards.tame_flash(memory_map)
        contents = [guards.read_image(image) for image in images]
        digests = [""] * len(images)

        def pick(memory: str) -> list[int]:
            return [i for i, image in enumerate(images) if image["memory"] == memory]

        self._program([(images[i]["address"], contents[i]) for i in pick("flash")])
        for i in pick("flash"):
            digests[i] = guards.read_back(target, images[i], contents[i])
        self._reset(self._settings["reset_type"])
        guards.check_at_reset_vector(target)
        for i in pick("ram"):
            target.write_memory_block8(images[i]["address"], list(contents[i]))
            digests[i] = guards.read_back(target, images[i], contents[i])
        if pick("ram") and guards.vectors_not_taken(target) is not None:
            self._reset(self._settings["reset_type"])
            for i in pick("ram"):
                digests[i] = guards.read_back(target, images[i], contents[i], _RAM_LOST)
            guards.check_at_reset_vector(target)
        return {"digests": digests, "notes": notes}

    def release(self) -> dict[str, Any]:
        """Let the core run and detach from it."""
        self._session.target.resume()
        self._session.options.set("resume_on_disconnect", True)
        session, self._session = self._session, None
        self._close(session)
        return {}

    def close(self) -> dict[str, Any]:
        """Detach; a held core stays halted."""
        session, self._session = self._session, None
        if session is not None:
            self._close(session)
        return {}

    def _program(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        if not pieces:
            return
        loader = MemoryLoader(
            self._session,
            chip_erase="sector",
            smart_flash=self._settings["smart_flash"],
            trust_crc=False,
            keep_unwritten=self._settings["keep_unwritten"],
        )
        for address, data in pieces:
            loader.add_data(address, list(data))
        loader.commit()

    def _open(self, mode: str) -> None:
        session = self._new_session(mode, self._settings["timeouts"]["appear"])
        try:
            session.open()
            if mode == "under-reset":
                core = session.target.selected_core_or_raise
                guards.await_halt(core, session.options.get("reset.halt_timeout"))
            guards.check_identity(session.target, self._settings["expect_identity"])
        except BaseException:
            self._close(session)
            raise
        self._session = session

    def _new_session(self, mode: str, appear: float = 0) -> Any:
        settings = self._settings
        guards.check_options(settings["options"], OPTIONS_INFO)
        options: dict[str, Any] = {
            **settings["options"],
            "target_override": settings["target"],
            "connect_mode": mode,
            "resume_on_disconnect": False,
            "hide_programming_progress": True,
            "auto_unlock": False,
            "no_config": True,
            "project_dir": "/",
            "user_script": settings["user_script"] or _NO_SCRIPT,
            "pack": list(settings["pack"]) or None,
            "frequency": settings["frequency"],
        }
        return Session(find_probe(self._probe, appear), options=options)

    def _reset(self, kind: str) -> None:
        self._session.target.reset_and_halt(_RESETS[kind])

    def _close(self, session: Any) -> None:
        """Close, also when the probe is already gone: pyOCD then raises from close itself."""
        try:
            session.close()
        except PYOCD_ERRORS as error:
            self.broken = True
            _LOG.debug("closing the session: %s", error)


def versions() -> dict[str, str]:
    """Return the versions of what works here."""
    return {"pyocd": pyocd.__version__}
