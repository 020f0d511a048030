# SPDX-License-Identifier: Apache-2.0
"""Why it went wrong: observed facts against the hypotheses of the model."""
