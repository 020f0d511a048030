# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - one row, one line: a table is read and searched by rows
"""What TF-M prints, as a table: one row a line.

Numbers 1 to 110 follow the boot order of an RSE. The texts were read in the sources named in the
last column at TF-M 2.1.0, 2.2.2, 2.3.1 and main, and compared with transcripts of TF-M 2.1.4 and
2.2.2 on QEMU; `R` stands for platform/ext/target/arm/rse/common. `M` rows are MCUboot and generic
BL2 lines of the same transcripts, `T` tf-m-tests, `A` psa-arch-tests, `H` this project's reporter
in the firmware, `F` the error lines of the repaired handshake (release profile `fixed`), `G` what
is left. The first row that matches counts, so a special row stands before a general one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

#: "stage": a stage is reached; "halt": nothing follows until a reset; "end": the firmware's own
#: last word; "report": of this project's reporter; "test": of a test suite on the device.
Kind = Literal["stage", "info", "error", "halt", "exception", "report", "test", "end"]

#: In which code generations a row exists; "other" is for platforms without RSE.
RELEASES: dict[str, frozenset[str]] = {
    "all": frozenset({"2.1", "2.2", "2.3"}),
    "2.1": frozenset({"2.1"}),
    "2.2": frozenset({"2.2"}),
    "<=2.2": frozenset({"2.1", "2.2"}),
    ">=2.2": frozenset({"2.2", "2.3"}),
    ">=2.3": frozenset({"2.3"}),
    "fixed": frozenset({"2.3"}),
    "other": frozenset({"2.1", "2.2", "2.3"}),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of line.

    Attributes:
        number: Its name.
        stage: Stage to which it belongs; for kind "stage" the one that it announces.
        kind: What it means.
        pattern: Regular expression, matched at the start of a normalised line.
        releases: Key of RELEASES.
        source: Who prints it.
    """

    number: str
    stage: str
    kind: Kind
    pattern: str
    releases: str
    source: str


_AUTH = "R/provisioning/rse_provisioning_auth_message_handler.c"
_CM = "R/provisioning/bundle/cm_provisioning_code.c"
_DM = "R/provisioning/bundle/dm_provisioning_code.c"
_BL2 = "bl2/ext/mcuboot/bl2_main.c"
_HAL = "neoverse_rd/rdv3{,r1}/bl2/boot_hal_bl2.c"
_TC = "tc/common/bl2/boot_hal_bl2.c"
_SPM = "secure_fw/spm/core/main.c"
_TEST = "tf-m-tests test_framework.c"
_ARCH = "psa-arch-tests val"

# fmt: off
TABLE: tuple[Row, ...] = (
    # BL1_1
    Row("1", "BL1_1", "info", r"^\[INF\] Noise Source: rosc_id: (\d+), subsample_count: 0x([0-9a-f]+)$", ">=2.3", "R/bl1/cc3xx/cc3xx_rom_random.c"),
    Row("2", "BL1_1", "info", r"^\[INF\] SP800-90B: high_threshold: (\d+), repetition_count: (\d+)$", ">=2.3", "R/bl1/cc3xx/cc3xx_rom_random.c"),
    Row("3", "BL1_1", "info", r"^\[WRN\] (Noise Source|SP800-90B): OTP cfg error: lcm_err: 0x[0-9a-f]{8}, cc_err: 0x[0-9a-f]{8}$", ">=2.3", "R/bl1/cc3xx/cc3xx_rom_random.c"),
    Row("4", "BL1_1", "info", r"^\[INF\] Boot self-tests\.\.\. PASSED$", ">=2.3", "R/rse_boot_self_tests.c"),
    Row("5", "BL1_1", "error", r"^\[ERR\] (Boot|ECDSA|AES-CMAC KDF) self-tests\.\.\. FAILED$", ">=2.3", "R/rse_boot_self_tests.c"),
    Row("6", "BL1_1", "stage", r"^\[INF\] Starting TF-M BL1_1$", "all", "bl1/bl1_1/main.c"),
    Row("7", "BL1_1", "error", r"^\[ERR\] BL1 provision necessity check failed$", ">=2.3", "bl1/bl1_1/main.c"),
    # Provisioning
    Row("8", "provisioning", "stage", r"^\[INF\] Beginning RS[ES] provisioning$", "all", "R/provisioning/bl1_{1,2}_provisioning.c"),
    Row("8b", "provisioning", "stage", r"^\[INF\] Beginning provisioning$", "other", "platforms of the MPS4"),
    Row("9", "provisioning", "info", r"^\[INF\] (TP mode set complete|Enabling secure provisioning mode), RS[ES] will now reset\.$", "2.1", "R/provisioning/bl1_provisioning.c"),
    Row("9b", "provisioning", "info", r"^\[INF\] (TP mode set complete|Enabling secure provisioning mode), system will now reset\.$", "other", "platforms of the MPS4"),
    Row("10", "provisioning", "info", r"^\[INF\] (Waiting for|Running) (CM|DM) provisioning bundle$", "other", "R/provisioning/bl1_provisioning.c at 2.1.0; platforms of the MPS4 at any"),
    Row("11a", "provisioning", "info", r"^\[INF\] (CM|DM) provisioning succeeded$", "2.1", "R/provisioning/bl1_provisioning.c"),
    Row("11b", "provisioning", "error", r"^\[(?:INF|ERR)\] (CM|DM) provisioning failed$", "2.1", "R/provisioning/bl1_provisioning.c"),
    Row("12", "provisioning", "error", r"^\[ERR\] (?:(?:CM|DM) (?:provisioning key derivation|bundle decryption) failed)$", "2.1", "R/provisioning/bl1_provisioning.c"),
    Row("13", "provisioning", "info", r"^\[INF\] (?:Provisioning|Generating) (HUK|RSE ID|BL1_2 image|BL1_2 image length|BL1_2 image hash|CCA system properties|(?:ROM|runtime) OTP encryption key|BL1 ROTPK|BL2 ROTPKs|BL2 encryption key|(?:non-)?secure image encryption key|host (?:secure|non-secure|CCA) ROTPK|secure debug public key|sender routing table|receiver routing table|attestation (?:implementation ID|verification service URL|profile definition))$", "all", "R/provisioning/bundle_{cm,dm}, cm_provisioning_code.c (HUK)"),
    Row("14", "provisioning", "info", r"^\[INF\] Signal DCSU ready$", ">=2.3", "R/provisioning/rse_provisioning_comms_dcsu.c"),
    Row("15", "provisioning", "info", r"^\[INF\] Running blob$", ">=2.2", "R/provisioning/rse_provisioning_{message,auth_message}_handler.c"),
    Row("16", "provisioning", "info", r"^\[INF\] Provisioning (GUK|KP_CM|DMA ICS)$", "all", _CM),
    Row("17", "provisioning", "info", r"^\[INF\] Writing (CM|BL1_2|SOC|DM|dynamic) area info$", ">=2.2", _CM),
    Row("18", "provisioning", "info", r"^\[INF\] Writing CM provisioning values$", ">=2.2", _CM),
    Row("19", "provisioning", "info", r"^\[INF\] Writing BL1_2 provisioning values$", ">=2.2", _CM),
    Row("21", "provisioning", "info", r"^\[INF\] (Deriving IAK_seed|Deriving RAK|Generating COD content)$", ">=2.3", _CM),
    Row("22", "provisioning", "info", r"^\[INF\] Provisioning KCE_CM$", ">=2.2", _CM),
    Row("23", "provisioning", "info", r"^\[INF\] Transitioning to (DM) LCS$", "all", _CM),
    Row("24", "provisioning", "error", r"^\[ERR\] KRTL Usage counter (-?\d+) above the limit of (-?\d+)$", ">=2.3", _CM),
    # Printed without a line end: the next message is glued to it.
    Row("25", "provisioning", "info", r"^\[WRN\] KTRL Usage counter expected to be 0, but read as (-?\d+)", ">=2.3", _CM),
    Row("26", "provisioning", "info", r"^\[INF\] Provisioning (KP_DM|KCE_DM)$", ">=2.2", _DM),
    Row("27", "provisioning", "info", r"^\[INF\] Writing DM (provisioning|ROTPK) values$", ">=2.2", _DM),
    Row("28", "provisioning", "info", r"^\[INF\] Transitioning to (SE) LCS$", "all", _DM),
    Row("29", "provisioning", "info", r"^\[INF\] Provisioning next blob$", ">=2.2", "R/provisioning/bundle/dm_chained_provisioning_code.c"),
    Row("30", "provisioning", "info", r"^\[INF\] Provisioning plain data message$", ">=2.3", "R/provisioning/bundle/plain_data_handler_provisioning_code.c"),
    Row("31", "provisioning", "error", r"^\[ERR\] (Provisioning key setup failed|CC3XX setup failed|bundle decryption failed)$", "all", "R/provisioning/rse_provisioning_message_handler.c"),
    Row("32", "provisioning", "error", r"^\[ERR\] (Invalid key|AEAD setup failed|PSA AEAD set (?:lengths|nonce) failed|PSA AEAD error updating authed header|Tag verification failed!|Bundle decryption failed!)$", ">=2.3", _AUTH),
    Row("33", "provisioning", "error", r"^\[ERR\] Error (decrypting code|copying/decrypting code|decrypting or authenticating (?:code / data|data|secret_values))$", ">=2.3", _AUTH),
    Row("34", "provisioning", "error", r"^\[ERR\] Aborting (\w+) due to (-?\d+) error$", ">=2.3", _AUTH),
    Row("35a", "provisioning", "error", r"^\[ERR\] BL1 provisioning failed$", "all", "bl1/bl1_1/main.c"),
    Row("35b", "BL1_1", "error", r"^\[ERR\] BL1_2 image failed to validate$", "all", "bl1/bl1_1/main.c"),
    Row("36", "BL1_1", "info", r"^\[(?:WRN|WAR)\] Failed to store boot measurement of BL1_2$", "all", "bl1/bl1_1/main.c"),
    Row("37", "", "info", r"^\[INF\] Beginning (BL1|BL2|TF-M) provisioning$", "other", "bl1/bl1_1/lib/provisioning.c, bl2/src/provisioning.c, platform/ext/common/provisioning.c"),
    Row("38", "", "info", r"^\[(?:WRN|WAR)\] ?(TFM_DUMMY_PROVISIONING is not suitable for production!|This device was provisioned with dummy keys\.) This device is NOT SECURE$", "other", "bl1/bl1_1/lib/provisioning.c, bl2/src/provisioning.c"),
    Row("39", "BL1_2", "info", r"^\[WRN\] (Signer ID missing in measurement of BL2|Failed to store boot measurement of BL2)$", "2.1", "bl1/bl1_2/main.c"),
    Row("40", "BL1_1", "info", r"^\[INF\] Jumping to BL1_2$", "all", "bl1/bl1_1/main.c"),
    # BL1_2; key setup and handshake print nothing themselves
    Row("41", "BL1_2", "stage", r"^\[INF\] [Ss]tarting TF-M (?:BL1_2|bl1_2)$", "all", "bl1/bl1_2/main.c"),
    Row("42", "BL1_2", "info", r"^\[INF\] Attempting to boot image (\d+)$", "all", "bl1/bl1_2/main.c"),
    Row("43", "BL1_2", "info", r"^\[INF\] BL2 image (decrypted|copied|validated) successfully$", "all", "bl1/bl1_2/main.c"),
    Row("44", "BL1_2", "info", r"^\[INF\] BL2 image (binding tag present; Validate image binding|binding tag not present; Verifying signature|binding verified successfully|binding completed successfully|signature (?:validated|verified); Bind the image)$", ">=2.3", "bl1/bl1_2/main.c"),
    Row("45", "BL1_2", "info", r"^\[INF\] Image binding_tag (already up to date; no action taken|stored successfully)$", ">=2.3", "bl1/bl1_2/lib/image.c"),
    Row("46", "BL1_2", "error", r"^\[ERR\] (Invalid signature length|ROTPK not provisioned|Image ROTPK hash size mismatch|Key type lookup failure|Hash function failure|Image ROTPK hash mismatch|(?:ECDSA|LMS) key type but (?:ECDSA|LMS) support not enabled|Unknown key type|Signature validation failed|Boot measurement failed|NV counter update failed)$", "all", "bl1/bl1_2/main.c"),
    Row("47", "BL1_2", "error", r"^\[ERR\] BL2 image (signature failed to validate|security_counter failed to validate|failed to (?:decrypt|validate|copy|copy header)|binding (?:failed|verification failed))$", "all", "bl1/bl1_2/main.c"),
    Row("48", "BL1_2", "error", r"^\[ERR\] (BL1_2 binding: .*|psa_aead_\w+\(\) failed.*|CCM payload too large.*|Failed to (?:get binding key|begin flash binding write|write .*|store (?:image )?binding tag.*)|Unexpected CCM tag length .*|AEAD .*more plaintext than expected|Plaintext length mismatch: .*)$", ">=2.3", "bl1/bl1_2/bl1_2_image_binding.c"),
    Row("49", "", "error", r"^\[ERR\] Failed to find image with UUID starting ([0-9A-F]{8})$", ">=2.3", "R/fip_parser/host_flash_atu.c"),
    Row("50", "BL1_2", "info", r"^\[INF\] Jumping to BL2$", "all", "bl1/bl1_2/main.c"),
    Row("51", "", "halt", r"^\[ERR\] Fatal boot error (-?\d+)$", "2.2", "platform/ext/common/boot_hal_bl1_{1,2}.c"),
    Row("52", "", "halt", r"^\[ERR\] Fatal boot error 0x([0-9a-f]+) \(0x([0-9a-f]+)\)$", ">=2.3", "platform/ext/common/boot_hal_bl1_{1,2}.c"),
    # BL2
    Row("53", "BL2", "stage", r"^\[INF\] Starting bootloader$", "all", _BL2),
    Row("54", "BL2", "info", r"^\[INF\] CHIP ID: (\d+)$", ">=2.2", _HAL),
    Row("55", "BL2", "info", r"^\[INF\] PSA Crypto init done, sig_type: ([^\s,]+)$", "all", _BL2),
    Row("55k", "BL2", "info", r"^\[INF\] PSA Crypto init done, sig_type: ([^\s,]+), using builtin keys$", ">=2.2", _BL2),
    Row("55b", "BL2", "info", r"^\[INF\] PSA Crypto init completed$", "2.1", f"{_BL2} at 2.0.0"),
    Row("56", "BL2", "info", r"^\[INF\] (SCP->RSE|RSE->SCP) MHU driver initialized successfully$", ">=2.2", _TC),
    Row("57", "BL2", "info", r"^\[INF\] DMA350 driver initialized successfully\.$", ">=2.2", _TC),
    Row("58", "BL2", "info", r"^\[INF\] FIP: (\d+) relocated to address 0x([0-9a-f]+)$", ">=2.2", "R/bl2/staged_boot.c"),
    Row("59", "BL2", "info", r"^\[INF\] BL2: SCP (pre|post) load (start|complete)$", ">=2.2", _HAL),
    Row("60", "BL2", "info", r"^\[INF\] BL2: RSE to SCP and SCP to RSE MHUs initialized$", ">=2.2", _HAL),
    Row("61", "BL2", "info", r"^\[INF\] BL2: SCP is released out of reset$", "2.2", _HAL),
    Row("62", "BL2", "info", r"^\[INF\] BL2: MCP (pre load (?:start|complete)|post load (?:start|complete)|is released out of reset)$", ">=2.2", _HAL),
    Row("63", "BL2", "info", r"^\[INF\] BL2: LCP (pre|post) load (start|complete)$", ">=2.2", _HAL),
    Row("64", "BL2", "info", r"^\[INF\] BL2: Wait for doorbell from SCP before loading (LCP|AP BL2)\.\.\.$", ">=2.2", _HAL),
    Row("65", "BL2", "info", r"^\[INF\] BL2: Doorbell received from SCP!$", ">=2.2", _HAL),
    Row("66", "BL2", "info", r"^\[INF\] BL2: AP BL1 (pre|post) load (start|complete)$", ">=2.2", _HAL),
    # An error that is logged as information.
    Row("67", "BL2", "info", r"^\[INF\] BL2: Unable to modify (AxNSE|AxPROT1)$", "2.2", _HAL),
    Row("68", "BL2", "info", r"^\[INF\] Image (\d+) RAM loading to 0x([0-9a-f]+) is (succeeded|failed)\.$", "all", "mcuboot ram_load.c"),
    Row("69", "BL2", "info", r"^\[INF\] Image (\d+) loaded from the (primary|secondary) slot$", "all", "mcuboot loader.c"),
    Row("70", "BL2", "info", r"^\[INF\] Image (\d+) (\w+) slot: [Ii]mage not found$", "all", "mcuboot loader.c"),
    Row("71", "BL2", "info", r"^\[INF\] (?:No slot to load for image (\d+)|Removing image (\d+) (?:from SRAM at address 0x[0-9a-f]+|slot \d+ from flash))$", "all", "mcuboot loader.c, ram_load.c"),
    Row("72", "BL2", "error", r"^\[INF\] Image (\d+) RAM (load address 0x[0-9a-f]+ is invalid\.|loading to address 0x[0-9a-f]+ would overlap with\s+another image\.|loading post-processing failed\.)$", "all", "mcuboot ram_load.c"),
    Row("73", "BL2", "error", r"^\[ERR\] Image in the (\w+) slot is not valid!$", "all", "mcuboot loader.c"),
    Row("74", "BL2", "error", r"^\[ERR\] (Bad image magic 0x[0-9a-f]+(?:; Image=\d+)?|Failed reading image header|Image not bootable|Failed to add (?:image data to shared area|data to shared memory area\.))$", "all", "mcuboot bootutil_public.c, loader.c"),
    Row("75", "BL2", "error", r"^\[ERR\] Image security counter value (\d+) lower than monotonic value (\d+).*$", ">=2.3", "mcuboot image_validate.c"),
    Row("76", "BL2", "halt", r"^\[ERR\] (?:BL2: )?Unable to find bootable (?:LCP )?image$", "all", f"{_BL2}, {_HAL} (LCP)"),
    Row("77", "BL2", "info", r"^\[INF\] (Slot \d+: Verified|Slot [01], Failed to verify|cm_otp_id=0x[0-9a-f]{8},\t policy: .*|dm otp id=0x[0-9a-f]{8},\t policy: .*|Image=\d+ (?:CM|DM) policy read FAILED)", ">=2.3", "R/bl2/rse_bl2_rotpk.c"),
    Row("78", "BL2", "info", r"^\[INF\] BL2 binding: .+$", ">=2.3", "R/bl2/rse_bl2_binding_{ccm,cmac}.c"),
    Row("78e", "BL2", "error", r"^\[ERR\] BL2 binding: .+$", ">=2.3", "R/bl2/rse_bl2_binding_{ccm,cmac}.c"),
    Row("79", "BL2", "error", r"^\[ERR\] secctr: (?:read failed|rollback detected) \(.+$", ">=2.3", "R/bl2/rse_bl2_binding_cmac.c"),
    Row("80", "BL2", "info", r"^\[INF\] BL2: Image (\d+) bound successfully$", ">=2.3", _TC),
    Row("81", "BL2", "info", r"^\[INF\] (Waiting for SCP BL1 started event|Got SCP BL1 started event|Telling SCP to start AP cores|Sent the signal to SCP|Skipping SCP signaling as TC_NO_RELEASE_RESET is defined)$", ">=2.2", _TC),
    Row("82", "BL2", "halt", r"^\[ERR\] (Platform init failed|OTP system initialization failed|Provisioning required check failed|Provisioning failed|Error while initializing the security counter|Platform post init failed|PSA Crypto init failed with error code -?\d+|(?:Pre|Post)-load step for image \d+ failed|Never should get here)$", "all", _BL2),
    Row("83", "BL2", "error", r"^\[ERR\] BL2: .+$", ">=2.2", _HAL),
    Row("84", "BL2", "info", r"^\[WRN\] BL2: (?:no (?:pre|post) load for image (-?\d+)|Image (-?\d+) beyond expected Firmware count: (\d+))$", ">=2.2", _HAL),
    Row("85", "BL2", "error", r"^\[ERR\] ((?:SCP->RSE|RSE->SCP) MHU driver initialization failed|DMA driver initialization failed(?:, err: 0x[0-9a-f]{8}|: .*)|Failed to initialize ATU|Staged boot init failed: -?\d+|Failed to map (?:FIP area in flash|staging area)|Unable to read binding data for image \d+|Invalid fip_logical_addr\[\d+\] = [0-9a-f]+)$", ">=2.2", f"{_TC}, R/bl2/staged_boot.c"),
    Row("86", "BL2", "error", r"^\[ERR\] (?:DMA350_DMA0|Failed to set DMA350|\[DMA350 BL2\]).*$", "all", "R/bl2/boot_dma.c"),
    Row("87", "BL2", "info", r"^\[INF\] BL2: RSE to SCP doorbell set!$", ">=2.2", _HAL),
    Row("88", "BL2", "info", r"^\[INF\] Bootloader chainload address offset: 0x([0-9a-f]+)$", "all", _BL2),
    Row("89", "BL2", "info", r"^\[INF\] Image version: v(\d+)\.(\d+)\.(\d+)$", "all", _BL2),
    Row("90", "BL2", "info", r"^\[INF\] Jumping to the first image slot$", "all", _BL2),
    Row("M1", "BL2", "info", r"^\[INF\] Image index: (\d+), Swap type: (\w+)$", "all", "mcuboot swap_misc.c, loader.c"),
    Row("M2", "BL2", "info", r"^\[INF\] (Primary|Secondary)\s+slot: version=(\S+)$", "all", "mcuboot loader.c"),
    Row("M3", "BL2", "info", r"^\[INF\] Image (\d+) (?:upgrade )?(primary|secondary) slot", "all", "mcuboot loader.c"),
    Row("M4", "", "error", r"^(?:\[ERR\] )?(No valid \w+ provisioning data found)$", "other", "bl2/src/provisioning.c; without level tag platform/ext/common/provisioning.c"),
    Row("M5", "BL2", "info", r"^\[INF\] Image (\d+) copying the (\w+) slot to the (\w+) slot: (\S+) bytes$", "all", "mcuboot loader.c (up to TF-M 2.2 the size reads 0xzx)"),
    Row("M6", "BL2", "info", r"^\[INF\] (?:Erasing the primary slot|Boot source: .+|Starting swap using \w+ algorithm\.|Secondary image of image pair \(\d+\.?\) is unreachable\. Treat it as empty)$", "all", "mcuboot loader.c, swap_*.c"),
    Row("M7", "BL2", "info", r"^\[INF\] Image (\d+) in slot \d+ erased due to downgrade prevention$", "all", "mcuboot loader.c"),
    Row("M8", "BL2", "error", r"^\[ERR\] ([Ii]nsufficient version in secondary slot|Image size bigger than designated area: \d+ > \d+|Binary in secondary slot of image \d+ is not designated for the primary slot|Security counter (?:lock failed after|update is not possible).+|bad image magic 0x[0-9a-f]+; Image=\d+|Reset address of image in secondary slot is not in the primary slot|Secondary header magic detected in first sector, wrong upload address\?|Erasing image from secondary slot|Security counter update failed after .+|Detected inconsistent status!|panic!)$", "all", "mcuboot loader.c"),
    Row("M9", "BL2", "info", r"^\[WRN\] ((?:Cannot upgrade|Failed reading|Failed to set copy_done|Not enough free space to run swap upgrade|Image in \w+ slot at 0x[0-9a-f]+ has been built for offset|required \d+ bytes but only).*)$", "all", "mcuboot loader.c, swap_*.c"),
    # Secure partition manager and partitions
    Row("91", "runtime", "stage", r"^Booting TF-?M (v?\S+)(?: \S+)?$", "<=2.2", f"{_SPM} (up to 1.5 without the hyphen)"),
    Row("92", "runtime", "info", r"^\[Sec Thread\] Secure image initializing!$", "<=2.2", _SPM),
    Row("93", "runtime", "info", r"^TF-M isolation level is: 0x0000000([123])$", "<=2.2", _SPM),
    Row("94", "runtime", "info", r"^(?:TF-M Float ABI: Hard|Lazy stacking (?:enabled|disabled))$", "<=2.2", _SPM),
    Row("95", "runtime", "stage", r"^\[NOT\] Booting TF-M (\S+)$", ">=2.3", _SPM),
    Row("96", "runtime", "info", r"^\[NOT\] Built (.+) UTC$", ">=2.3", _SPM),
    Row("97", "runtime", "info", r"^\[VER\] Isolation level is: ([123])$", ">=2.3", _SPM),
    Row("98", "runtime", "info", r"^\[INF\] Float ABI: Hard, Lazy stacking (enabled|disabled)$", ">=2.3", _SPM),
    Row("99a", "runtime", "info", r"^\[INF\]\[Crypto\] Provision entropy seed\.\.\.( complete\.)?$", "<=2.2", "secure_fw/partitions/crypto/crypto_init.c"),
    Row("99b", "runtime", "info", r"^\[INF\] \[Crypto\] Provision entropy seed\.\.\.( complete\.)?$", ">=2.3", "secure_fw/partitions/crypto/crypto_init.c"),
    Row("100a", "runtime", "info", r"^\[(?:DBG|INF)\]\[Crypto\] (?:Init .+\.\.\.(?: complete\.)?|Internal heap size is \d+ bytes)$", "<=2.2", "secure_fw/partitions/crypto/crypto_init.c"),
    Row("100b", "runtime", "info", r"^\[VER\] \[Crypto\] Init .+\.\.\.(?: complete\.)?$", ">=2.3", "secure_fw/partitions/crypto/crypto_init.c"),
    Row("101", "runtime", "info", r"^Creating an empty (ITS|PS) flash layout\.$", "all", "secure_fw/partitions/internal_trusted_storage"),
    Row("102", "runtime", "info", r"^(?:\[\w+\] )?(?:\[ERR\])?\[Attest\] .+$", "all", "secure_fw/partitions/initial_attestation/attest_core.c"),
    Row("103", "runtime", "info", r"^\[(COMMS|RSE-COMMS|COMMS ATU)\] .+$", "2.2", "R/rse_comms"),
    Row("104", "runtime", "info", r"^(?:protocol_ver|seq_num|handle|type|in_len|out_len|client_id|return_val|(?:in|out)_vec\[\d\]\.len)=(?:0x[0-9a-f]+|-?\d+)$", "2.2", "R/rse_comms/rse_comms.c"),
    Row("105", "runtime", "info", r"^\[WRN\] \[SFCP\] Received (?:legacy message format|new message format but legacy compatibility enabled)!$", ">=2.3", "R/sfcp/sfcp_core/sfcp_legacy_msg.c"),
    # Errors of any stage
    Row("106e", "", "error", r"^\[ERR\] Fatal error(?: ([0-9A-Fa-f]{8}))?(?: in file (\S+))?(?: at line (\d+))?(?: with SP=(\S+))?$", ">=2.2", "platform/ext/common/tfm_fatal_error.c"),
    Row("106w", "", "info", r"^\[WRN\] Non-fatal error(?: ([0-9A-Fa-f]{8}))?(?: in file (\S+))?(?: at line (\d+))?(?: with SP=(\S+))?$", ">=2.2", "platform/ext/common/tfm_fatal_error.c"),
    Row("107", "runtime", "exception", r"^FATAL ERROR: (HardFault|MemManage fault|BusFault|UsageFault|SecureFault|Platform Exception|Unknown|Reserved Exception 0x[0-9A-Fa-f]+|Platform external interrupt \(IRQn\): 0x[0-9A-Fa-f]+)$", "all", "platform/ext/common/exception_info.c"),
    Row("107p", "runtime", "exception", r"^(?:Platform Exception:(?: .+)?|Oops\.\.\. .+ fault!!!(?: .+)?)$", "all", "faults.c, mpc_ppc_faults.c of the platforms; without TFM_EXCEPTION_INFO_DUMP (the default) the only line"),
    Row("107h", "runtime", "exception", r"^Assert:(\w+),(0x[0-9A-F]{8})$", "<=2.2", "secure_fw/spm/include/private/assert.h (Debug; loops for ever)"),
    Row("107b", "runtime", "exception", r"^BACKTRACE: START: (.+)$", "all", "secure_fw/spm/core/backtrace (panic)"),
    Row("107d", "runtime", "info", r"^(?:Here is some context for the exception:|    Callee saved register state:|       \(Note that the exception frame may be corrupted for this type of error\.\)|BACKTRACE: END: .+)$", "all", "platform/ext/common/exception_info.c"),
    Row("107f", "runtime", "info", r"^    Exception came from(?: (secure|non-secure) FW in)? (thread|handler) mode\.$", "all", "platform/ext/common/exception_info.c"),
    Row("107r", "runtime", "info", r"^    (    )?(EXC_RETURN \(LR\)|xPSR|[MP]SP(?:_NS)?|BASEPRI|Exception frame at|R\d+|LR|PC|CFSR|BFSR|BFAR|MMFSR|MMFAR|UFSR|HFSR|SFSR|SFAR): +(0x[0-9A-Fa-f]+|Not Valid)(?: +(BFAR|MMFAR): +(0x[0-9A-Fa-f]+|Not Valid))?$", "all", "platform/ext/common/exception_info.c (from 2.3 on BFSR and MMFSR have no line end)"),
    Row("107a", "runtime", "error", r"^(?:\[ERR\] )?(Assertion failed: .+, file \S+, line \d+)", "all", "assert()"),
    Row("107c", "runtime", "error", r"^(?:\[ERR\] )?(Partition initialization FAILED in 0x[0-9A-Fa-f]+|Inter-core communication init failed.*|Invalid PSA API SVC requested: .+|Unknown SPM SVC requested: .+|Unknown SVC number requested: .+|Config error: .+)$", "all", "sfn_common_thread.c, ns_agent_mailbox.c, tfm_svcalls.c, ps_object_system.c (>=2.2); no level tag"),
    # Non-secure side
    Row("108", "ns", "stage", r"^Non-Secure system starting\.\.\.$", "all", "tf-m-tests app_broker/main_ns.c"),
    Row("109a", "ns", "info", r"^Non-secure code running on non-secure core\.$", "all", "tf-m-tests app_broker/main_ns.c"),
    Row("109b", "ns", "error", r"^(Error sync'ing with secure core\.|Non-secure mailbox initialization failed\.)$", "all", "tf-m-tests app_broker/main_ns.c"),
    # EOT, mostly alone; it ends a line, so it comes last.
    Row("110", "end", "end", r"^[ -~]*\x04$", "all", "tf-m-tests tests_reg/test_app.c"),
    # Handshake errors of the repaired firmware
    Row("F1", "BL1_2", "error", r"^\[ERR\] RSE handshake: no (seed|reply) from RSE (\d+) after (\d+) ms$", "fixed", "repaired R/rse_handshake"),
    # The reporter's lines; H4 is one that is not as it should be
    Row("H1", "vhuk", "report", r"^\[HIL1\] vhuk rse=(\d+) of=(\d+) src=(bl1_2|runtime) fp=([0-9a-f]{32})$", "all", "reporter"),
    Row("H2", "BL1_2", "report", r"^\[HIL1\] seeds rse=(\d+) fp=([0-9a-f]{8}(?:,[0-9a-f]{8})*)$", "all", "reporter"),
    Row("H3", "BL1_2", "report", r"^\[HIL1\] state rse=(\d+) lcs=([0-9a-f]+) tp=([0-9a-f]+) reprov=([0-9a-f]+) bl1_2=([0-9a-f]{8}) policy=([0-9a-f]+)$", "all", "reporter"),
    Row("H4", "", "report", r"^\[HIL\d*\]?.*$", "all", "reporter"),
    # tf-m-tests regression; a line without end may stand before the verdict
    Row("T1", "", "test", r"^.*?TEST: ([\w/]+) - (PASSED|FAILED|SKIPPED)!", "all", _TEST),
    Row("T2", "", "test", r"^> Executing '([\w/]+)'$", "all", _TEST),
    Row("T3", "", "test", r"^Running Test Suite (.+?) ?(?:\((TFM_\w+)\))?\.\.\.$", "all", _TEST),
    Row("T4", "", "test", r"^#### Execute test suites for the (\S+) area ####", "all", _TEST),
    Row("T5", "", "test", r"^\*\*\* End of (\S+) test suites \*\*\*", "all", _TEST),
    Row("T6", "", "test", r"^TESTSUITE (PASSED|FAILED)!", "all", _TEST),
    Row("T9", "", "test", r"^Test suite '(.+?) ?(?:\((TFM_\w+)\))?' has +(PASSED|FAILED)$", "all", _TEST),
    Row("T7", "", "test", r"^ *(?:(\S.*) \(|.*  |)Failed at (\S+:\d+)\)?$", "all", _TEST),
    Row("T8", "", "test", r"^Error \( (TEST_SUITE_ERR_\w+)!? \)", "all", _TEST),
    Row("T10", "", "test", r"^Number of (failed|skipped) tests: (\d+) of (\d+)$", "all", _TEST),
    Row("T11", "", "test", r"^\*\*\* (\S+) test suites summary \*\*\*", "all", _TEST),
    # Of rows T2 and T1, where bytes were lost
    Row("T12", "", "test", r"^(> E.*)$", "all", _TEST),
    # Up to TF-M 1.2 a verdict does not name its test.
    Row("T14", "", "test", r"^.*?  TEST (PASSED|FAILED)!$", "all", _TEST),
    Row("T13", "", "test", r"^(.*\w - (?:PASSED|FAILED|SKIPPED)!.*)$", "all", _TEST),
    # psa-arch-tests
    Row("A1", "", "test", r"^\*\*\*\*\* PSA Architecture Test Suite - Version (\S+) \*{5}$", "all", _ARCH),
    Row("A2", "", "test", r"^Running\.\. (.+ Suite)$", "all", _ARCH),
    Row("A3", "", "test", r"^TEST: (\d+) \| DESCRIPTION: (.+)$", "all", _ARCH),
    Row("A4", "", "test", r"^TEST RESULT: (PASSED|FAILED|SKIPPED|SIM ERROR) ?(?:\((?:Error|Skip) Code=(0x[0-9A-Fa-f]+)\))?$", "all", _ARCH),
    Row("A5", "", "test", r"^TOTAL (TESTS|PASSED|SIM ERROR|FAILED|SKIPPED)\s*: (\d+)$", "all", _ARCH),
    Row("A7", "", "test", r"^\[Check (\d+)\] (.+)$", "all", _ARCH),
    Row("A8", "", "test", r"^\t?Checkpoint (\d+) : Error Code=(0x[0-9A-Fa-f]+)$", "all", _ARCH),
    Row("A9", "", "test", r"^\t?Failed at Checkpoint: (\d+)(?: : .*)?$", "all", _ARCH),
    Row("A10", "", "test", r"^\t?(Actual|Expected): (-?\w+).*$", "all", _ARCH),
    Row("A11", "", "test", r"^\t?Skipping test\. (.+)$", "all", _ARCH),
    Row("A12", "", "test", r"^\*\*\*\*\*\*\*\*\*\*\*\* (.+ Suite) Report \*+$", "all", _ARCH),
    Row("A6", "end", "end", r"^Entering standby\.\.$", "all", _ARCH),
    # What no row above knows
    Row("G1", "", "error", r"^\[ERR\] ?(.*)$", "all", "unknown"),
)
# fmt: on

#: The tags of BL2 as MCUboot on Zephyr writes them, which boots TF-M on boards of Nordic and NXP.
_ON_ZEPHYR = {
    r"^\[ERR\] ": r"^(?:\[ERR\]|E:|<err> mcuboot:) ",
    r"^\[WRN\] ": r"^(?:\[WRN\]|W:|<wrn> mcuboot:) ",
    r"^\[INF\] ": r"^(?:\[INF\]|I:|<inf> mcuboot:) ",
}


def _on_zephyr(row: Row) -> Row:
    """Return a row that also matches the line as MCUboot on Zephyr writes it."""
    tag, zephyr = row.pattern[:9], _ON_ZEPHYR.get(row.pattern[:9])
    if zephyr is None or not row.source.startswith(("mcuboot", _BL2)):
        return row
    return replace(row, pattern=zephyr + row.pattern.removeprefix(tag))


TABLE = tuple(map(_on_zephyr, TABLE))
