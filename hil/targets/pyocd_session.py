# SPDX-License-Identifier: Apache-2.0
"""One chip in pyOCD's hands; runs in a worker process, which alone imports pyOCD."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyocd
from pyocd.core import exceptions
from pyocd.core.options import OPTIONS_INFO
from pyocd.core.session import Session
from pyocd.core.target import Target
from pyocd.probe.aggregator import PROBE_CLASSES, DebugProbeAggregator

from hil.targets import pyocd_guards as guards
from hil.targets.load_pieces import Tell
from hil.targets.pyocd_access import check_secure, locked
from hil.targets.pyocd_errors import PYOCD_ERRORS, Mismatch, Refusal
from hil.targets.pyocd_loading import Loading

_LOG = logging.getLogger(__name__)
#: Never CORE: Armv8-M has no VECTRESET, so that pyOCD's core reset does nothing and says nothing.
_RESETS = {"system": Target.ResetType.SYSTEM, "nreset": Target.ResetType.HARDWARE}

#: A user script that does nothing; without one pyOCD takes any pyocd_user.py that lies about.
_NO_SCRIPT = "/dev/null"

#: Seconds between two looks for a probe.
_LOOK_AGAIN = 0.25


def find_probe(unique_id: str, appear: float = 0) -> Any:
    """Return the probe with exactly this id; pyOCD itself takes any id that contains it.

    Args:
        unique_id: The whole id.
        appear: Seconds in which a probe that has just got its power may appear on USB.

    Raises:
        Mismatch: There is none; says which there are.
    """
    if unique_id.startswith("remote:"):
        return DebugProbeAggregator.get_probe_with_id(unique_id)
    deadline = time.monotonic() + appear
    while (probe := _connected(unique_id)) is None and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN)
    if probe is not None:
        return probe
    found = sorted(probe.unique_id for probe in DebugProbeAggregator.get_all_connected_probes())
    raise Mismatch(
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


def _tell_nobody(_step: str, _done: int, _total: int) -> None:
    """Tell nobody how far a load is."""


class Chip:
    """Opens, loads, holds and releases one chip.

    Args:
        probe: Unique id of the probe.
        settings: The launcher's settings as JSON.
        tell: Told how far a load is.
    """

    def __init__(self, probe: str, settings: Mapping[str, Any], tell: Tell = _tell_nobody) -> None:
        self._probe = probe
        self._tell = tell
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

    def hold(self, kind: str | None, mode: str | None = None) -> dict[str, Any]:
        """Stop the core at its reset vector.

        Args:
            kind: The reset to use; None: whatever the connect mode does.
            mode: How to take hold of the core; None: as the board file says.
        """
        fresh = self._session is None and self._connect(
            kind, mode or self._settings["connect_mode"]
        )
        if fresh:
            try:
                return {"pc": guards.check_at_reset_vector(self._session.target)}
            except Refusal as refusal:
                _LOG.info("under reset: %s; resetting once more", refusal)
        self._reset(kind or self._settings["reset_type"])
        return {"pc": guards.check_at_reset_vector(self._session.target)}

    def _connect(self, kind: str | None, mode: str) -> bool:
        """Open a session; return whether the core should be at its reset vector already.

        A reset of a certain kind needs a core that runs, so that it is attached to. One that
        sleeps or has crashed cannot be: then `mode` gets hold of it.
        """
        if kind is not None:
            try:
                self._open("attach")
            except PYOCD_ERRORS as error:
                _LOG.info("cannot attach (%s), connecting with %s", error, mode)
            else:
                return False
        self._open(mode)
        return kind is None and mode == "under-reset"

    def load(self, images: Sequence[Mapping[str, Any]], flash: str | None = None) -> dict[str, Any]:
        """Put images on the chip, see `Loading`; the core stays halted.

        Args:
            images: As the plan has them.
            flash: Which sectors are written; None: as the board file says.
        """
        reset = self._settings["reset_type"]
        at = ""

        def tell(step: str, done: int, total: int) -> None:
            nonlocal at
            at = f"in step {step!r}, after {done} of {total} bytes"
            self._tell(step, done, total)

        loading = Loading(self._session, self._settings, lambda: self._reset(reset), tell)
        try:
            return loading.load(images, flash or self._settings["flash"])
        except PYOCD_ERRORS as error:
            if at:
                error.add_note(at)
            raise

    def mass_erase(self) -> dict[str, Any]:
        """Erase all flash of the chip, if the board file allows it."""
        if "mass-erase" not in self._settings["recovery"]:
            raise Refusal(
                "mass erase is not allowed", "launcher.recovery of the board file says so"
            )
        self._session.target.mass_erase()
        return {}

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
        return {"closed": True}

    def _open(self, mode: str) -> None:
        guards.check_files(self._settings["user_script"], self._settings["pack"])
        session = self._new_session(mode, self._settings["timeouts"]["appear"])
        try:
            self._open_checked(session, mode)
        except exceptions.Error as error:
            refusal = locked(session)
            self._close(session)
            if refusal is not None:
                raise refusal from error
            raise
        except BaseException:
            self._close(session)
            raise
        self._session = session

    def _open_checked(self, session: Any, mode: str) -> None:
        """Open a session and make sure that it is with the right chip, before anything is changed."""
        session.open()
        guards.check_core(session.target, session.options.get("primary_core"))
        if self._settings["secure_debug"]:
            check_secure(session)
        if mode == "under-reset":
            core = session.target.selected_core_or_raise
            guards.await_halt(core, session.options.get("reset.halt_timeout"))
        guards.check_identity(session.target, self._settings["expect_identity"])

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
        except Exception as error:  # noqa: BLE001 - drivers of probes raise what they like
            self.broken = True
            _LOG.debug("closing the session: %s", error)


def versions() -> dict[str, str]:
    """Return the versions of what works here."""
    return {"pyocd": pyocd.__version__}
