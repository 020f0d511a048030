# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from fvp_lab import MODEL_WORD, mesh_model, processes_with, script, settings

from hil.targets.fvp_preflight import preflight


def test_a_model_that_can_run_has_no_finding_to_mend(tmp_path: Path):
    """Path, version, prefixes and parameters are shown; nothing is started."""
    findings = preflight(settings(), range(4), base=tmp_path)
    assert [(f.what, f.ok) for f in findings] == [
        ("model", True), ("version", True), ("RSEs", True), ("parameters", True),
        ("files", True), ("writable images", True), ("OTP", True),
    ]  # fmt: skip
    assert findings[1].found == "Fast Models [11.29.35 (Apr 24 2025)]"
    assert findings[2].found.startswith("css0.sysctrl.rse, css1.sysctrl.rse, ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "rses", "what", "found", "fix"),
    [
        ({"binary": "FVP_none"}, 4, "model", "neither in", "launcher.binary"),
        ({"binary": "FVP_none"}, 4, "model", "on PATH (export PATH=", "export PATH=$PATH:"),
        ({"cwd": "./none"}, 4, "version", "launcher.cwd: no folder ", "launcher.cwd"),
        ({"binary": "plain.txt"}, 4, "model", "neither in", "launcher.binary"),
        ({"binary": "./plain.txt"}, 4, "model", "not executable", "launcher.binary"),
        ({"env": {"HIL_VIRTUAL_FVP": "start_failure=execstack"}}, 4, "version",
         "status 127: hil-virtual-fvp: error while loading", "--clear-execstack"),
        ({"env": {"HIL_VIRTUAL_FVP": "start_failure=library"}}, 4, "version",
         "libMAXCOREInitSimulationEngine", "LD_LIBRARY_PATH"),
        ({"env": {"HIL_VIRTUAL_FVP": "start_failure=licence"}}, 4, "version",
         "license", "ARMLMD_LICENSE_FILE"),
        ({"binary": "./crashes"}, 4, "version", "was killed by signal 11: it", "by hand"),
        ({"binary": "./no_interpreter"}, 4, "version", "cannot execute", "by hand"),
        ({"binary": "./hangs", "timeouts": {"query": 0.3}}, 4, "version", "0.3 s", "by hand"),
        ({}, 2, "RSEs", "2 RSE(s), but 4", "rse_pattern"),
        ({"parameters": {"ros.disable": 1}}, 4, "parameters", "nearest: ros.dis", "--list-params"),
        ({"parameters": {"{rse}.rom.raw_image": "/none/rom.bin"}}, 4, "files",
         "css0.sysctrl.rse.rom.raw_image: no file /none/rom.bin", "hil image rom create"),
        ({"parameters": {"{rse}.rom.raw_image": "bin/rom.bin"}}, 4, "files",
         "bin/rom.bin; expected an absolute path", "correct their paths"),
        ({"args": ["-Ip"]}, 4, "arguments", "waits at reset", "launcher.args"),
        ({"args": ["-C", "a=1"]}, 4, "arguments", "expected parameters under", "launcher.args"),
        ({"console": {"terminal": "{sysctrl}.terminal_rse_urat"}}, 4, "consoles",
         "console.terminal: the model has no terminal 'css0.sysctrl.terminal_rse_urat'; nearest: css0",
         "launcher.console"),
        ({"console": {"kind": "out_file", "uart": "{rse}_urt"}}, 4, "consoles",
         "launcher.console.uart: the model has no UART", "launcher.console"),
        ({"parameters": {"{rse}.lcm_nvm.raw_image": __file__,
                         "{rse}.lcm_nvm.update_raw_image": True}}, 4, "files",
         "expected it in launcher.nvm.images", "places"),
        ({"writable_images": {"{rse}.lcm_nvm.raw_image": "no.img"}}, 4, "writable images",
         "no.img", "make the files"),
    ],
)  # fmt: skip
def test_the_first_thing_in_the_way_is_named_with_what_mends_it(
    tmp_path: Path, values: dict[str, object], rses: int, what: str, found: str, fix: str
):
    """What cannot be looked at because of it is left out."""
    (tmp_path / "plain.txt").write_text("no program")
    script(tmp_path / "hangs", "sleep 60\n")
    script(tmp_path / "crashes", "kill -SEGV $$\n")
    (tmp_path / "no_interpreter").write_text("#!/none/sh\n")
    (tmp_path / "no_interpreter").chmod(0o755)
    last = preflight(settings(**values), range(rses), base=tmp_path)[-1]
    assert (last.ok, last.what) == (False, what)
    assert found in last.found
    assert fix in str(last.fix)


def test_optional_parameters_that_a_model_lacks_are_listed(tmp_path: Path):
    """Each once, as the board file has it, with what was probably meant."""
    optional = {"{rse}_uart.uart_enabel": True, "no.such": 1, "{rse}_uart.uart_enable": True}
    findings = preflight(settings(optional_parameters=optional), range(4), base=tmp_path)
    assert all(finding.ok for finding in findings), findings
    [told] = [finding.found for finding in findings if finding.what == "parameters"]
    assert told.endswith(
        "exist in this model; optional ones that it lacks: {rse}_uart.uart_enabel "
        "(nearest: css0.sysctrl.rse_uart.uart_enable), no.such"
    )


def test_a_model_is_asked_in_the_folder_where_it_will_run(tmp_path: Path):
    """Models that look for mesh files there refuse even `--version` elsewhere."""
    mesh_model(tmp_path)
    findings = preflight(settings(binary="./FVP", cwd="mesh"), range(4), base=tmp_path)
    assert all(finding.ok for finding in findings), findings
    findings = preflight(settings(binary="./FVP"), range(4), base=tmp_path)
    assert "no mesh.yml" in findings[-1].found


def test_a_refusal_with_status_0_is_recognised_by_its_words(tmp_path: Path):
    """Nobody promises that a licence that fails has a status of its own."""
    said = "Error: license checkout failed"
    script(
        tmp_path / "FVP", f'test "$1" = --version && exec {MODEL_WORD} "$1"; echo "{said}" >&2\n'
    )
    last = preflight(settings(binary="./FVP"), range(4), base=tmp_path)[-1]
    assert (last.ok, last.what) == (False, "RSEs")
    assert said in last.found
    assert "ARMLMD_LICENSE_FILE" in str(last.fix)


def test_what_a_model_answers_counts_and_not_its_exit_status(tmp_path: Path):
    """No document promises one; a list is a list."""
    script(tmp_path / "FVP", f'{MODEL_WORD} "$@"; exit 1\n')
    findings = preflight(settings(binary="./FVP"), range(4), base=tmp_path)
    assert all(finding.ok for finding in findings), findings


def test_a_plug_in_is_loaded_for_the_list_too(tmp_path: Path):
    """Its parameters are in the list only then; placeholders are replaced."""
    (tmp_path / "Crypto.so").touch()
    script(tmp_path / "FVP", f'echo "$@" >> {tmp_path}/asked; exec {MODEL_WORD} "$@"\n')
    args = {"args": ["--plugin", "{board}/Crypto.so"]}
    findings = preflight(settings(binary="./FVP", **args), range(4), base=tmp_path)
    assert all(finding.ok for finding in findings), findings
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["--version", f"--list-params --plugin {tmp_path}/Crypto.so"]


def test_a_query_ends_with_its_model_whatever_that_leaves_behind(tmp_path: Path):
    """A helper that holds the output open, or one that never stops talking."""
    script(tmp_path / "FVP", f'sleep 34567 & {MODEL_WORD} "$@"\n')
    findings = preflight(settings(binary="./FVP"), range(4), base=tmp_path)
    assert all(finding.ok for finding in findings), findings
    script(tmp_path / "FVP", "exec yes Fast Models\n")
    last = preflight(settings(binary="./FVP", timeouts={"query": 0.4}), [0], base=tmp_path)[-1]
    assert "`FVP --version` did not end in 0.4 s" in last.found
    assert processes_with(str(tmp_path)) == []


def test_a_model_on_path_that_cannot_be_executed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is there, so that nobody looks for what is wrong with PATH; a folder of its name is not."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a/FVP_packed").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/a:{tmp_path}/b")
    (finding,) = preflight(settings(binary="FVP_packed"), range(4), base=tmp_path)
    assert "neither in" in finding.found
    (tmp_path / "b/FVP_packed").write_text("")
    (finding,) = preflight(settings(binary="FVP_packed"), range(4), base=tmp_path)
    assert f"{tmp_path}/b/FVP_packed is not executable (chmod +x" in finding.found
