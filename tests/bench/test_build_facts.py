# SPDX-License-Identifier: Apache-2.0
"""Compiler and version of an image are found in the build tree above it."""

from __future__ import annotations

from pathlib import Path

from hil.bench.build_facts import BuildFacts, build_facts

CACHE = """\
# This is the CMakeCache file.
//Path to TFM compiler toolchain file
TFM_TOOLCHAIN_FILE:FILEPATH=/src/tf-m/toolchain_{toolchain}.cmake
CMAKE_PROJECT_VERSION:STATIC=2.3.1
CMAKE_HOME_DIRECTORY:INTERNAL=/src/tf-m
TFM_PLATFORM:STRING=arm/rse/neoverse_rd/rdv3
"""


def tree(folder: Path, toolchain: str, version: str) -> Path:
    """A build folder as CMake leaves it; returns an image in it."""
    compiler = folder / "CMakeFiles" / "3.28.1"
    (folder / "bin" / "provisioning").mkdir(parents=True)
    compiler.mkdir(parents=True)
    (folder / "CMakeCache.txt").write_text(CACHE.format(toolchain=toolchain))
    (compiler / "CMakeCCompiler.cmake").write_text(
        f'set(CMAKE_C_COMPILER_ID "GNU")\nset(CMAKE_C_COMPILER_VERSION "{version}")\n'
    )
    image = folder / "bin" / "provisioning" / "bundle.bin"
    image.write_bytes(b"x")
    return image


def test_a_build_tree_tells(tmp_path: Path) -> None:
    """Toolchain file, compiler version, TF-M version, sources and platform."""
    facts = build_facts([tree(tmp_path / "b", "GNUARM", "13.2.1")])
    assert facts == BuildFacts(
        "GNUARM 13.2.1", "2.3.1", Path("/src/tf-m"), "arm/rse/neoverse_rd/rdv3"
    )


def test_images_of_two_builds(tmp_path: Path) -> None:
    """Both compilers are named: such a run is about both."""
    images = [tree(tmp_path / "a", "GNUARM", "13.2.1"), tree(tmp_path / "b", "ARMCLANG", "6.21")]
    assert build_facts([*images, *images]).toolchain == "GNUARM 13.2.1 and ARMCLANG 6.21"


def test_images_of_no_build(tmp_path: Path) -> None:
    """Nothing is known, and nothing is guessed."""
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    assert build_facts([tmp_path / "a/b/c/d/image.bin"]) == BuildFacts()
