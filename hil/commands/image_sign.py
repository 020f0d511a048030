# SPDX-License-Identifier: Apache-2.0
"""`hil image sign`: sign an image as TF-M's build or the platform page does it."""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.commands.options import Commands


def add(actions: Commands) -> None:
    """Add the action."""
    sign = actions.add_parser(
        "sign",
        help="sign an image with imgtool, with the parameters of its platform",
        description="Runs `imgtool sign` with the parameters of a profile (--list shows them) and "
        "verifies what comes out.",
    )
    sign.add_argument("payload", nargs="?", type=Path, metavar="PAYLOAD", help="raw binary")
    sign.add_argument("-o", "--output", type=Path, metavar="FILE")
    sign.add_argument("--profile", metavar="NAME", help="platform and image, see --list")
    sign.add_argument("--key", type=Path, metavar="PEM", help="private key, EC P-256")
    sign.add_argument("--version", metavar="X.Y.Z[+B]", help="default: that of the profile")
    sign.add_argument("--security-counter", type=_number, default=1, metavar="N")
    sign.add_argument("--load-address", type=_number, metavar="ADDRESS")
    sign.add_argument("--release", default="2.3.1", help="TF-M release, for load addresses")
    sign.add_argument("--list", action="store_true", help="show the profiles and end")
    sign.set_defaults(run=_sign)


def _number(text: str) -> int:
    number = int(text, 0)
    if not 0 <= number <= 0xFFFFFFFF:
        raise ValueError
    return number


def _sign(options: argparse.Namespace) -> int:
    import tempfile

    from hil.errors import UsageError
    from hil.images.files import read_bounded, write_atomically
    from hil.images.sign_profiles import sign_profile
    from hil.images.signing import sign

    if options.list:
        print(_profiles())
        return 0
    for name in ("payload", "output", "profile", "key"):
        if getattr(options, name) is None:
            raise UsageError(f"sign: {'PAYLOAD' if name == 'payload' else '--' + name} is missing")
    recipe = sign_profile(options.profile).recipe(
        options.key,
        release=options.release,
        version=options.version,
        security_counter=options.security_counter,
        load_address=options.load_address,
    )
    if options.output.exists() and options.output.samefile(options.payload):
        raise UsageError(f"sign: --output is the payload itself: {options.output}")
    with tempfile.TemporaryDirectory(prefix="hil-sign-") as folder:
        signed = sign(options.payload, recipe, Path(folder))
        write_atomically(options.output, read_bounded(signed.path))
    image = signed.image
    print(
        f"{options.output}: {signed.size} bytes, version {image.version}, security counter "
        f"{image.security_counter}, load address {image.load_address:#x}, sha256 {signed.sha256}"
    )
    return 0


def _profiles() -> str:
    from hil.images.sign_profiles import SIGN_PROFILES

    return "\n".join(
        f"{p.name:<13} header {p.header_size:#06x}  slot {p.slot_size:#8x}  "
        f"load {p.load_address:#x}  {p.what}"
        for p in SIGN_PROFILES
    )
