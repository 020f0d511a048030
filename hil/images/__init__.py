# SPDX-License-Identifier: Apache-2.0
"""What is put on a device: MCUboot images, the BL2 image, provisioning messages, placement."""
