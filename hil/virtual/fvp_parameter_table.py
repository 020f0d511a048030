# SPDX-License-Identifier: Apache-2.0
"""Which parameters each component of the virtual FVP has.

TelnetTerminal and UART rows follow Arm's component reference and public dumps; the RSE's rows are
those that public RD-V3 and RD-1-AE run scripts set. Rows marked "no effect" are accepted as the
real model's are and change nothing here. Everything that only a virtual device can have stands
under the instance `virtual`.
"""

from __future__ import annotations

from hil.virtual.fvp_output import PORT_FORMATS
from hil.virtual.fvp_parameters import Parameter, ParameterSet
from hil.virtual.fvp_topology import TOPOLOGIES, Topology

_WORD = 0xFFFFFFFF

TERMINAL = (
    Parameter("start_telnet", True, "Start telnet if nothing connected"),
    Parameter("start_port", 5000, "Telnet TCP Port Number", 0, 65535),
    Parameter(
        "mode", "telnet", "Terminal initialisation mode (telnet, raw)", choices=("telnet", "raw")
    ),
    Parameter("quiet", False, "Avoid output on stdout/stderr"),
    Parameter("terminal_command", "", "Command to use as terminal; %port and %title are replaced"),
)

UART = (
    Parameter("out_file", "", "Output file to hold data written by the UART (use '-' for stdout)"),
    Parameter("in_file", "", "Input file for data to be read by the UART (no effect)"),
    Parameter("unbuffered_output", False, "Unbuffered output"),
    Parameter("untimed_fifos", False, "Ignore the clock rate (no effect)"),
    Parameter("uart_enable", False, "Enable the UART when the system starts up (no effect)"),
    Parameter("shutdown_on_eot", False, "Shutdown simulation when a EOT (ASCII 4) char is sent"),
    Parameter("shutdown_tag", "", "Shutdown simulation when a string is transmitted"),
    Parameter("enable_dc4", True, "Intercept DC4 (no effect)"),
    Parameter("flow_ctrl_mask_en", False, "Mask flow control (no effect)"),
    Parameter("baud_rate", 38400, "Baud rate (no effect)", 0, _WORD),
    Parameter("clock_rate", 24000000, "Clock rate (no effect)", 0, _WORD),
)

RSE = (
    Parameter("rom.raw_image", "", "Path of the ROM image"),
    Parameter("lcm_nvm.otp_enabled", True, "OTP present (no effect)"),
    Parameter("lcm_nvm.raw_image", "", "Path of the OTP image"),
    Parameter("lcm_nvm.read_from_file", False, "Start with the content of the OTP image"),
    Parameter("lcm_nvm.update_raw_image", False, "Write OTP changes back to the image"),
    Parameter("lcm_nvm.use_image_file", False, "Keep the OTP in the image file"),
    Parameter("DISABLE_GATING", False, "Disable power gating (no effect)"),
    Parameter("CMU0_NUM_DB_CH", 5, "Doorbell channels of MHU 0 (no effect)", 0, 128),
    Parameter("CMU4_NUM_DB_CH", 5, "Doorbell channels of MHU 4 (no effect)", 0, 128),
    Parameter("intchecker.ICBC_RESET_VALUE", 0x11B, "Reset value of ICBC (no effect)", 0, _WORD),
)

FLASH_LOADER = (
    Parameter("fname", "", "Filename"),
    Parameter("fnameWrite", "", "FilenameWrite"),
    Parameter("write_flash_after_reset", False, "Write the flash at each reset (no effect)"),
)

HOST_BRIDGE = (
    Parameter("userNetworking", False, "Enable user-mode networking (no effect)"),
    Parameter("userNetPorts", "5555=5555", "Listening ports to expose (no effect)"),
)

SYSCTRL = (Parameter("HAS_RSE_CPU_PRIVATE_REGION", True, "RSE private region (no effect)"),)

ROS = (Parameter("disable_visualisation", False, "Disable visualisation (no effect)"),)

VIRTUAL = (
    Parameter("topology", "rdv3cfg2", "Which model this is", choices=tuple(TOPOLOGIES)),
    Parameter("release", "2.3.1", "TF-M release", choices=("2.2.2", "2.3.1", "fixed")),
    Parameter("time_scale", 1.0, "Multiplies every delay of the firmware"),
    Parameter("handshake_timeout", 3.0, "Seconds until release 'fixed' reports a missing peer"),
    Parameter("fault", "", "Faults by chip, such as 2:never-join,0:no-report"),
    Parameter("rom_key", "", "Public key the ROM trusts, X and Y in hex"),
    Parameter(
        "start_failure",
        "",
        "How the model fails to start",
        choices=("", "execstack", "licence", "library", "glibc", "display", "crash"),
    ),
    Parameter("slow_start", 0.0, "Seconds before anything happens"),
    Parameter("crash_after", 0.0, "Seconds of simulation until a segmentation fault"),
    Parameter("hang_after", 0.0, "Seconds of simulation until time stands still"),
    Parameter("exit_after", 0.0, "Seconds of simulation until a clean end without a reason"),
    Parameter("ignore_sigint", False, "A stop request is not heard"),
    Parameter("ignore_sigterm", False, "Neither is a termination request"),
    Parameter("child", False, "Start a process in the model's group, as terminals do"),
    Parameter("port_format", "a", "Spelling of the announcement", choices=tuple(PORT_FORMATS)),
    Parameter(
        "port_order",
        "construction",
        "Order in which terminals are constructed",
        choices=("construction", "reversed", "shuffled"),
    ),
    Parameter("seed", 0, "Seed of the shuffled order", 0, _WORD),
    Parameter("port_glue", False, "All announcements on one line"),
    Parameter(
        "early_output",
        "kept",
        "What a terminal says before a client is attached",
        choices=("kept", "lost"),
    ),
    Parameter(
        "drop_clients_after", 0.0, "Seconds of simulation until terminals drop their clients"
    ),
    Parameter("drop_moves_port", False, "A terminal that drops its client opens on another port"),
    Parameter("scp_flood", 0, "Bytes of noise each SCP prints", 0, 1 << 30),
    Parameter("write_back", "raw", "How flash files are written", choices=("raw", "gzip")),
    Parameter("libc_buffering", True, "Block-buffered stdout where it is no terminal"),
    Parameter("stall", True, "Unread terminals and stdout stop the simulation"),
    Parameter("stall_unattached", False, "Terminals that nobody has attached to stop it, too"),
    Parameter("terminal_buffer", 65536, "Bytes a terminal holds for its client", 1, 1 << 30),
    Parameter("flood", 0, "Bytes of noise each chip prints before it boots", 0, 1 << 30),
    Parameter("echo", False, "RSE UARTs send back what they receive"),
    Parameter("unknown_parameter", "error", "Unknown -C names", choices=("error", "warn")),
)


def declare(topology: Topology) -> ParameterSet:
    """All parameters of a model, at their defaults."""
    parameters = ParameterSet(topology.top)
    for chip in topology.chips:
        parameters.add(chip.sysctrl, SYSCTRL)
        parameters.add(chip.rse, RSE)
        parameters.add(chip.uart, UART)
        parameters.add(chip.rse_terminal, TERMINAL)
        parameters.add(chip.scp_uart, UART)
        parameters.add(chip.scp_console, TERMINAL)
        parameters.add(chip.flash_loader, FLASH_LOADER)
    parameters.add("ros", ROS)
    parameters.add("ros.board.virtio_net.hostbridge", HOST_BRIDGE)
    parameters.add("virtual", VIRTUAL)
    return parameters
